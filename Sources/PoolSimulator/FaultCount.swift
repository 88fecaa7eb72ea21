/// What can go wrong in a history, as it is counted.
enum Fault: Int, CaseIterable {
  // Coordinators.
  case crashBeforeWrite
  case crashBeforeActs
  case crashAfterActs
  case crashAnywhere
  case rival
  case stall
  case coordinatorCut
  case coordinatorLease
  // Servers.
  case crash
  case crashBesideOut
  case neverReturns
  case serverCut
  case serverLease
  case serverClock
  case lag
  case lagForEver
  case lostWatch
  case otherOperator
  // The store.
  case storeSlow
  case storeGone
  case storeMember
  case clockJump
  case lostUpdate
  case doubtfulWrite
  case doubtfulJournal
  // Clients.
  case lateRequest
  case repeatedRequest
  case lostReply
  case userGap
  // The patch and the driver.
  case patchFails
  case patchBreaksOff
  case patchLies
  case commandHangs
  case otherCommandFails
  case answerLate
  case answerLies
  case readingOld
  case readingLost
  case proofFails

  /// What happens, for people.
  var sentence: String {
    switch self {
    case .crashBeforeWrite: "coordinator crashes before its records are written"
    case .crashBeforeActs: "coordinator crashes between its records and its acts"
    case .crashAfterActs: "coordinator crashes after it began its acts"
    case .crashAnywhere: "coordinator crashes at any other moment"
    case .rival: "a second coordinator beside one that lives"
    case .stall: "coordinator stops for a while and goes on"
    case .coordinatorCut: "coordinator cut off from the store"
    case .coordinatorLease: "coordinator's lease ended before its time"
    case .crash: "server dies"
    case .crashBesideOut: "server dies while another is out by the run"
    case .neverReturns: "server dies and never returns"
    case .serverCut: "server cut off from the store"
    case .serverLease: "server's lease ended before its time"
    case .serverClock: "server's clock is off"
    case .lag: "replicas of a server do not load for a while"
    case .lagForEver: "replicas of a server never load again"
    case .lostWatch: "watch lost its place: everything is read afresh"
    case .otherOperator: "another operator takes a server out"
    case .storeSlow: "store answers slowly"
    case .storeGone: "store answers nobody"
    case .storeMember: "member of the store's own quorum is down"
    case .clockJump: "store's clock jumps"
    case .lostUpdate: "change of a record lost, late, or its answer lost"
    case .doubtfulWrite: "write of a binding lost, late, or its answer lost"
    case .doubtfulJournal: "journal's write or commit of an act lost, late, or its answer lost"
    case .lateRequest: "old REGISTER comes once more, late"
    case .repeatedRequest: "REGISTER repeated because no answer came"
    case .lostReply: "200 to a REGISTER lost on its way"
    case .userGap: "users feel a gap"
    case .patchFails: "patch fails"
    case .patchBreaksOff: "patch breaks off half-way"
    case .patchLies: "patch says good and installed something else"
    case .commandHangs: "command runs past its time"
    case .otherCommandFails: "rollback or verify fails"
    case .answerLate: "act's answer comes late"
    case .answerLies: "act was done and is told as failed"
    case .readingOld: "reading of the pool arrives seconds old"
    case .readingLost: "reading of the pool lost"
    case .proofFails: "proof of a returned server fails"
    }
  }
}

/// How often each fault happened.
struct FaultCounts {
  private(set) var counts = [Int](repeating: 0, count: Fault.allCases.count)
  /// Numbers of journal records at which a coordinator crashed, by where: before the write, before or after the acts.
  private(set) var crashPoints = [[UInt64]](repeating: [0, 0, 0, 0], count: 3)

  mutating func add(_ fault: Fault) {
    counts[fault.rawValue] += 1
  }

  mutating func crashed(_ point: Scenario.Crash, at records: Int) {
    let (row, fault): (Int, Fault) =
      switch point {
      case .beforeWrite: (0, .crashBeforeWrite)
      case .beforeActs: (1, .crashBeforeActs)
      case .afterActs: (2, .crashAfterActs)
      }
    add(fault)
    guard records < 256, records >= 0 else { return }
    crashPoints[row][records / 64] |= 1 << UInt64(records % 64)
  }

  /// Adds another history's.
  mutating func add(_ other: FaultCounts) {
    for index in counts.indices { counts[index] += other.counts[index] }
    for row in crashPoints.indices {
      for word in crashPoints[row].indices { crashPoints[row][word] |= other.crashPoints[row][word] }
    }
  }

  /// A line for each fault, and one for the steps at which coordinators crashed.
  var lines: [String] {
    let steps = crashPoints.map { $0.reduce(0) { $0 + $1.nonzeroBitCount } }
    return Fault.allCases.map { "\(Self.padded(counts[$0.rawValue]))  \($0.sentence)" } + [
      "journal lengths at which a coordinator crashed: \(steps[0]) before the write, \(steps[1]) before the acts,"
        + " \(steps[2]) after them"
    ]
  }

  private static func padded(_ number: Int) -> String {
    let text = "\(number)"
    return String(repeating: " ", count: max(0, 11 - text.count)) + text
  }
}
