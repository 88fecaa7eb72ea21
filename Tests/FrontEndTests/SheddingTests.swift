import Testing

@testable import FrontEnd

@Suite struct SheddingTests {
  /// How many of a thousand are turned away.
  private func turnedAway(_ shedding: inout Shedding) -> Int {
    (0..<1_000).count { _ in shedding.turnsAway() }
  }

  @Test func turnsNobodyAwayWhileThereIsRoom() {
    var shedding = Shedding()
    for _ in 0..<100 { shedding.looked(fill: 0.25, hasLost: false) }
    #expect(turnedAway(&shedding) == 0)
  }

  @Test func aPauseIsNoReason() {
    var shedding = Shedding()
    for _ in 0..<50 {
      shedding.looked(fill: 0.9, hasLost: false)
      shedding.looked(fill: 0.1, hasLost: false)
    }
    #expect(turnedAway(&shedding) == 0)
  }

  @Test func turnsMoreAwayForAsLongAsTheSocketStaysFull() {
    var shedding = Shedding()
    for _ in 0..<6 { shedding.looked(fill: 0.8, hasLost: false) }
    let some = turnedAway(&shedding)
    #expect((149...151).contains(some), "\(some)")
    for _ in 0..<100 { shedding.looked(fill: 1, hasLost: true) }
    #expect((899...901).contains(turnedAway(&shedding)), "somebody is served always")
  }

  @Test func whatWasLostCountsAtOnce() {
    var shedding = Shedding()
    shedding.looked(fill: 0.1, hasLost: true)
    #expect((29...31).contains(turnedAway(&shedding)))
  }

  @Test func servesEverybodyAgainWhenThereIsRoom() {
    var shedding = Shedding()
    for _ in 0..<20 { shedding.looked(fill: 1, hasLost: true) }
    for _ in 0..<100 { shedding.looked(fill: 0.1, hasLost: false) }
    #expect(turnedAway(&shedding) == 0)
  }
}
