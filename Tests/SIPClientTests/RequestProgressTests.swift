import Testing

@testable import SIPClient

private let millisecond: Int64 = 1_000_000

@Suite struct RequestProgressTests {
  private func request(_ order: [UInt8] = [0, 1, 2]) -> RequestProgress {
    RequestProgress(order: order, began: 0, timers: ClientTimers())
  }

  @Test func aSuccessEndsIt() {
    var request = request()
    #expect(request.answered(200, transaction: 0, at: millisecond) == .finish(.success(200)))
  }

  @Test func a503MovesAtOnceToTheNextServerAsANewTransaction() {
    var request = request([2, 0, 1])
    #expect(
      request.answered(503, transaction: 0, at: 1) == .send(server: 0, fresh: true, wait: 500 * millisecond)
    )
    #expect(request.transaction == 1)
    #expect(request.unavailable == 1 && request.tries == 2 && request.silences == 0)
  }

  @Test func anICMPErrorMovesAtOnce() {
    var request = request()
    #expect(request.wasUnreachable(at: 1) == .send(server: 1, fresh: true, wait: 500 * millisecond))
    #expect(request.unreachable == 1)
  }

  @Test func silenceMovesAfterHalfASecond() {
    var request = request()
    #expect(request.firstWait == 500 * millisecond)
    #expect(
      request.timerFired(at: 500 * millisecond) == .send(server: 1, fresh: true, wait: 500 * millisecond)
    )
    #expect(request.silences == 1)
  }

  @Test func aLateSuccessOfAnOldTransactionCountsAndItsErrorDoesNot() {
    var request = request()
    _ = request.timerFired(at: 500 * millisecond)
    #expect(request.answered(500, transaction: 0, at: 501 * millisecond) == .ignore)
    #expect(request.answered(200, transaction: 0, at: 502 * millisecond) == .finish(.success(200)))
  }

  @Test func afterEveryServerRefusedItRestsLongerEachTime() {
    var request = request([0, 1])
    _ = request.answered(503, transaction: 0, at: 1)
    #expect(request.answered(503, transaction: 1, at: 2) == .wait(100 * millisecond))
    #expect(
      request.timerFired(at: 100 * millisecond) == .send(server: 0, fresh: true, wait: 500 * millisecond)
    )
    _ = request.wasUnreachable(at: 101 * millisecond)
    #expect(request.answered(503, transaction: 3, at: 102 * millisecond) == .wait(200 * millisecond))
  }

  @Test func anICMPErrorWhileItRestsIsNoNews() {
    var request = request([0])
    _ = request.answered(503, transaction: 0, at: 1)
    #expect(request.wasUnreachable(at: 2) == .ignore)
  }

  @Test func aFinalErrorFails() {
    var request = request()
    #expect(request.answered(404, transaction: 0, at: 1) == .finish(.failure(.status(404))))
  }

  @Test func silenceOfAllServersDoublesTheIntervalUpToT2AndFailsAfterThirtyTwoSeconds() {
    var request = request([0, 1])
    var now = request.firstWait
    var waits: [Int64] = []
    while true {
      let step = request.timerFired(at: now)
      guard case .send(_, _, let wait) = step else {
        #expect(step == .finish(.failure(.noAnswer)))
        break
      }
      waits.append(wait / millisecond)
      now += wait
    }
    #expect(Array(waits.prefix(8)) == [500, 1000, 1000, 2000, 2000, 4000, 4000, 4000])
    #expect(now >= 32_000 * millisecond && now < 36_000 * millisecond)
  }

  @Test func refusedForThirtyTwoSecondsIsAFailureOfItsOwn() {
    var request = request([0])
    #expect(
      request.answered(503, transaction: 0, at: 32_000 * millisecond) == .finish(.failure(.onlyRefused))
    )
  }

  @Test func aSingleServerIsSentTheSameTransactionAgainWithTimerE() {
    var request = request([0])
    #expect(request.timerFired(at: 1) == .send(server: 0, fresh: false, wait: 1000 * millisecond))
    #expect(request.timerFired(at: 2) == .send(server: 0, fresh: false, wait: 2000 * millisecond))
    #expect(request.timerFired(at: 3) == .send(server: 0, fresh: false, wait: 4000 * millisecond))
    #expect(request.timerFired(at: 4) == .send(server: 0, fresh: false, wait: 4000 * millisecond))
    #expect(request.transaction == 0)
  }

  @Test func aProvisionalAnswerIsNoSilence() {
    var request = request()
    #expect(request.answered(100, transaction: 0, at: 1) == .ignore)
    #expect(request.timerFired(at: 500 * millisecond) == .wait(4000 * millisecond))
    #expect(request.silences == 0)
    #expect(
      request.timerFired(at: 4500 * millisecond) == .send(server: 1, fresh: true, wait: 500 * millisecond)
    )
  }
}

@Suite struct GapHistogramTests {
  @Test func percentilesAreWithinAnEighth() {
    var histogram = GapHistogram()
    for value in 1...10_000 { histogram.record(Int64(value) * 1000) }
    let median = histogram.percentile(0.5)
    #expect(median >= 5_000_000 && median <= 5_000_000 * 9 / 8)
    #expect(histogram.percentile(1) == 10_000_000 && histogram.longest == 10_000_000)
    #expect(histogram.count == 10_000)
  }

  @Test(arguments: [0, 1, 15, 16, 17, 1000, 123_456, UInt64(1) << 40])
  func aBucketHoldsItsValue(_ value: UInt64) {
    let bucket = GapHistogram.bucket(ofMicroseconds: value)
    #expect(GapHistogram.upperMicroseconds(of: bucket) >= Int64(value))
    if bucket > 0 { #expect(GapHistogram.upperMicroseconds(of: bucket - 1) < Int64(value)) }
  }

  @Test func emptyIsZero() { #expect(GapHistogram().percentile(0.99) == 0) }
}

@Suite struct TransactionIDTests {
  @Test func aBranchIsReadBack() {
    let identity = TransactionID(request: 0xabc, transaction: 300)
    #expect(TransactionID(branch: identity.branch) == identity)
  }

  @Test(arguments: [
    "", "z9hG4bK-q", "z9hG4bK-q1", "z9hG4bK-q1.2.3", "z9hG4bK-qx.1", "z9hG4bK-1.1", "z9hG4bK-q1.10000",
  ])
  func otherBranchesAreNot(_ text: String) { #expect(TransactionID(branch: text) == nil) }
}
