import SIPMessage

/// The final responses of all branches, and which of them is the best (RFC 3261 section 16.7 step 6).
struct ResponseChoice {
  /// A final response: one that came, or one that we assume (408, 430, 487, 503).
  struct Candidate {
    var status: Int
    var message: SIPMessage?
  }

  private(set) var best: Candidate?
  /// WWW-Authenticate and Proxy-Authenticate lines of all 401 and 407, in the order in which they came.
  private var challenges: [(name: SIPHeaderName, value: [UInt8])] = []
  /// How many of them are in the best one.
  private var range = 0..<0

  /// Whether somebody refused for all branches.
  var isGlobal: Bool { best.map { $0.status >= 600 } ?? false }

  /// How many bytes it keeps.
  var weight: Int { (best?.message?.bytes.count ?? 0) + challenges.reduce(0) { $0 + $1.value.count } }

  /// Adds one of 300 to 699.
  mutating func add(_ candidate: Candidate) {
    let start = challenges.count
    if candidate.status == 401 || candidate.status == 407, let message = candidate.message {
      for name in [SIPHeaderName.wwwAuthenticate, .proxyAuthenticate] {
        // Bounded, because the sum has to fit one message.
        for value in message.headers(name) where challenges.count < 32 {
          challenges.append((name, value.map { $0 == 0x0D || $0 == 0x0A ? 0x20 : $0 }))
        }
      }
    }
    if let best, Self.rank(best) <= Self.rank(candidate) { return }
    best = candidate
    range = start..<challenges.count
  }

  /// The challenges of all other responses, to be added to the best one when that is a 401 or 407 (step 7).
  var furtherChallenges: SIPHeaderBlock {
    var block = SIPHeaderBlock()
    guard let best, best.status == 401 || best.status == 407 else { return block }
    for (index, challenge) in challenges.enumerated() where !range.contains(index) {
      do throws(SIPWriteError) {
        try block.add(challenge.name, challenge.value)
      } catch {
        continue
      }
    }
    return block
  }

  /// The lower, the better. 6xx beats all, then the lowest class; of 4xx those that say how to ask again come first
  /// and those that only say that nobody was reached come last; a response that came beats one that we assume.
  private static func rank(_ candidate: Candidate) -> Int {
    let isAssumed = candidate.message == nil ? 1 : 0
    switch candidate.status {
    case 600...: return 0
    case 401, 407: return 40 + isAssumed
    case 415, 420, 484: return 42 + isAssumed
    case 408, 430, 487: return 46 + isAssumed
    case 400...499: return 44 + isAssumed
    case 503: return 52 + isAssumed
    default: return candidate.status / 100 * 10 + isAssumed
    }
  }
}
