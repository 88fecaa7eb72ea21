import SIPDigest
import Testing

@Suite struct NonceCountsTests {
  private func use(_ counts: inout NonceCounts, _ count: UInt32, nonce: UInt8 = 1, at time: Int64 = 100)
    -> NonceCounts.Verdict
  {
    counts.use(nonce: [nonce], issuedAt: time, count: count)
  }

  @Test func takesEachCountOnce() {
    var counts = NonceCounts(startingAt: 0)
    // Out of order within the window too.
    for count in [UInt32(1), 2, 5, 3, 4, 70, 8, 7] {
      let first = use(&counts, count)
      #expect(first == .fresh, "\(count)")
      let second = use(&counts, count)
      #expect(second == .stale, "\(count)")
    }
    for count in [UInt32(0), 6] {
      let verdict = use(&counts, count)
      #expect(verdict == .stale)
    }
    let jump = use(&counts, .max)
    #expect(jump == .fresh)
    let old = use(&counts, 71)
    #expect(old == .stale)
    let other = use(&counts, 1, nonce: 2)
    #expect(other == .fresh)
  }

  @Test func takesNoNonceFromBeforeItsTime() {
    var counts = NonceCounts(startingAt: 100)
    let before = use(&counts, 1, at: 100)
    #expect(before == .stale)
    let after = use(&counts, 1, at: 101)
    #expect(after == .fresh)
  }

  @Test func isBoundedAndForgetsSafely() {
    var counts = NonceCounts(capacity: 16, startingAt: 0)
    for index in 1...100 {
      let verdict = counts.use(nonce: [UInt8(index)], issuedAt: Int64(index), count: 1)
      #expect(verdict == .fresh)
      #expect(counts.count <= 16)
    }
    // All were used: whether it is still here or was forgotten, none is taken again.
    for index in 1...100 {
      let verdict = counts.use(nonce: [UInt8(index)], issuedAt: Int64(index), count: 1)
      #expect(verdict == .stale)
    }
    counts.purge(olderThan: 99)
    #expect(counts.count == 1)
    // A full cache of one age takes nothing new of that age or before.
    var full = NonceCounts(capacity: 4, startingAt: 0)
    for index in 0..<4 { _ = full.use(nonce: [UInt8(index)], issuedAt: 5, count: 1) }
    let same = full.use(nonce: [9], issuedAt: 5, count: 1)
    #expect(same == .stale)
    let later = full.use(nonce: [9], issuedAt: 6, count: 1)
    #expect(later == .fresh)
  }

  @Test func isHandedOver() throws {
    var counts = NonceCounts(startingAt: 50)
    _ = use(&counts, 3)
    _ = use(&counts, 9, nonce: 2)
    var next = try #require(NonceCounts(decoding: counts.encoded()))
    #expect(next == counts)
    let again = use(&next, 3)
    #expect(again == .stale)
    let fresh = use(&next, 2)
    #expect(fresh == .fresh)
    let before = use(&next, 1, nonce: 7, at: 50)
    #expect(before == .stale)
    let bytes = counts.encoded()
    for length in 0..<bytes.count where length != 9 {
      _ = NonceCounts(decoding: Array(bytes[..<length]))
    }
    #expect(NonceCounts(decoding: []) == nil)
    #expect(NonceCounts(decoding: [2] + bytes.dropFirst()) == nil)
    #expect(NonceCounts(decoding: bytes.dropLast()) == nil)
    #expect(NonceCounts(decoding: bytes, capacity: 1) == nil)
  }

  @Test("what the primary before kept is taken in, whole or not at all")
  func takesOver() throws {
    var old = NonceCounts(startingAt: 50)
    _ = use(&old, 3)
    var new = NonceCounts(startingAt: 500)
    let before = use(&new, 4)
    #expect(before == .stale)
    let taken = new.takeOver(old, startedAt: 500)
    #expect(taken)
    let replayed = use(&new, 3)
    #expect(replayed == .stale)
    let next = use(&new, 4)
    #expect(next == .fresh)
    // One that neither has seen, made while the other led.
    let first = use(&new, 1, nonce: 9)
    #expect(first == .fresh)
    // A cache that had to forget something cannot say what of it was used.
    var full = NonceCounts(startingAt: 500)
    full.purge(olderThan: 600)
    let refused = full.takeOver(old, startedAt: 500)
    #expect(!refused)
    var small = NonceCounts(capacity: 1, startingAt: 500)
    _ = use(&small, 1, nonce: 3, at: 700)
    let tooMany = small.takeOver(old, startedAt: 500)
    #expect(!tooMany)
  }

  @Test("a nonce that both have seen is used where either has used it")
  func union() {
    for (mine, theirs) in [(UInt32(2), UInt32(5)), (5, 2), (1, 90), (90, 1)] {
      var new = NonceCounts(startingAt: 50)
      _ = use(&new, mine)
      var old = NonceCounts(startingAt: 50)
      _ = use(&old, theirs)
      let taken = new.takeOver(old, startedAt: 50)
      #expect(taken)
      for count in [mine, theirs] {
        let again = use(&new, count)
        #expect(again == .stale, "\(count)")
      }
      let fresh = use(&new, 89)
      #expect(fresh == .fresh)
    }
  }

  @Test("of too many the newest are handed over, and the others are forgotten")
  func handsOverTheNewest() throws {
    var counts = NonceCounts(startingAt: 50)
    for nonce in 1...5 { _ = use(&counts, 1, nonce: UInt8(nonce), at: Int64(100 * nonce)) }
    var next = try #require(NonceCounts(decoding: counts.encoded(most: 2)))
    #expect(next.count == 2)
    for nonce in 1...3 {
      let again = use(&next, 2, nonce: UInt8(nonce), at: Int64(100 * nonce))
      #expect(again == .stale)
    }
    for nonce in 4...5 {
      let fresh = use(&next, 2, nonce: UInt8(nonce), at: Int64(100 * nonce))
      #expect(fresh == .fresh)
    }
  }
}
