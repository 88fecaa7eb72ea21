import PoolModel
import Testing

@testable import FrontEnd

@Suite struct AdmissionTests {
  /// Answers `rate` requests a second for some time, each after `time`.
  private func run(
    _ admission: inout Admission,
    from start: Int64,
    milliseconds: Int64,
    perMillisecond: Int,
    after time: Duration
  ) {
    for millisecond in 0..<milliseconds {
      for _ in 0..<perMillisecond {
        admission.answered(after: time, at: Instant(nanoseconds: (start + millisecond) * 1_000_000))
      }
    }
  }

  @Test func takesAllThatItMayWhileAnswersAreQuick() {
    var admission = Admission(most: 10_000)
    run(&admission, from: 0, milliseconds: 2_000, perMillisecond: 10, after: .milliseconds(20))
    #expect(admission.limit == 10_000)
  }

  @Test func takesWhatItAnswersInAQuarterOfASecondOnceAnswersAreLate() {
    var admission = Admission(most: 10_000)
    run(&admission, from: 0, milliseconds: 1_000, perMillisecond: 10, after: .milliseconds(900))
    // 10,000 a second: 2,500 in a quarter of a second.
    #expect((2_200...2_600).contains(admission.limit), "\(admission.limit)")
  }

  @Test func opensAgainWhenAnswersAreQuickAgain() {
    var admission = Admission(most: 10_000)
    run(&admission, from: 0, milliseconds: 1_000, perMillisecond: 1, after: .seconds(2))
    #expect(admission.limit < 400)
    run(&admission, from: 1_000, milliseconds: 6_000, perMillisecond: 1, after: .milliseconds(5))
    #expect(admission.limit == 10_000)
  }

  @Test func neverTurnsEverybodyAway() {
    var admission = Admission(most: 10_000)
    for second in Int64(0)..<20 {
      admission.answered(after: .seconds(5), at: Instant(nanoseconds: second * 500_000_000))
    }
    #expect(admission.limit >= Admission.fewest)
  }

  @Test func aPauseIsNoReasonToTakeLess() {
    var admission = Admission(most: 10_000)
    run(&admission, from: 0, milliseconds: 500, perMillisecond: 10, after: .milliseconds(20))
    // Nobody sent anything for a minute; then one answer that waited for a disk that slept.
    admission.answered(after: .seconds(1), at: Instant(nanoseconds: 60_000_000_000))
    #expect(admission.limit == 10_000)
  }
}
