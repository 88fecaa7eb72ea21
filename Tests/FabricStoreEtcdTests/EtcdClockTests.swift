import Testing

@testable import FabricStoreEtcd

@Suite("Pool time from the dates of etcd's members") struct EtcdClockTests {
  /// A date that a member with the clock `milliseconds` writes: whole seconds.
  private func date(_ milliseconds: Int64) -> String {
    let seconds = milliseconds / 1_000 - 1_795_446_000
    let (hour, minute, second) = (15 + seconds / 3_600, seconds / 60 % 60, seconds % 60)
    func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
    return "Mon, 23 Nov 2026 \(two(hour)):\(two(minute)):\(two(second)) GMT"
  }

  private let start: Int64 = 1_795_446_000_000

  @Test func datesAreRead() {
    #expect(EtcdClock.milliseconds("Mon, 23 Nov 2026 15:00:00 GMT") == start)
    for bad in ["", "Mon, 23 Nov 2026", "Mon, 23 Foo 2026 15:00:00 GMT", "a b c d e f", "1, 2 Nov 3 4:5 6"] {
      #expect(EtcdClock.milliseconds(bad) == nil)
    }
  }

  @Test func severalAnswersNarrowIt() throws {
    let clock = EtcdClock()
    // The member is ahead of our steady clock by `start`; answers take 10 ms; asked at odd times.
    for sent in stride(from: Int64(1_000), to: 30_000, by: 730) {
      clock.take(date(start + sent + 5), of: "a", sentAt: sent, now: sent + 10)
    }
    let time = try #require(clock.milliseconds(now: 30_000))
    #expect(abs(time - (start + 30_000)) < 150, "\(time - start - 30_000)")
  }

  @Test func oneWrongClockOfThreeDoesNotMatter() throws {
    let clock = EtcdClock()
    for (member, offset) in [("a", Int64(0)), ("b", 3_600_000), ("c", 0)] {
      clock.take(date(start + offset + 1_000), of: member, sentAt: 1_000, now: 1_000)
    }
    let time = try #require(clock.milliseconds(now: 1_000))
    #expect(abs(time - (start + 1_500)) <= 500, "\(time - start)")
  }

  @Test func aClockThatWasSetIsFollowedAndASilentMemberForgotten() throws {
    let clock = EtcdClock()
    #expect(clock.milliseconds(now: 0) == nil)
    clock.take(date(start), of: "a", sentAt: 0, now: 0)
    clock.take(date(start + 600_000), of: "a", sentAt: 1_000, now: 1_000)
    let time = try #require(clock.milliseconds(now: 1_000))
    #expect(abs(time - (start + 600_500)) <= 500)
    #expect(clock.unheard(of: ["a", "b"], for: 5_000, now: 2_000) == ["b"])
    #expect(clock.milliseconds(now: 1_000 + EtcdClock.lifetime) == nil)
  }
}
