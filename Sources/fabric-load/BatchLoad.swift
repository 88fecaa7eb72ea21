import FabricStore
import Glibc

/// What registrations do to the store: each compares its group's fence and its binding's revision and writes the binding.
struct BatchLoad {
  let store: any FabricStore
  let keys: Int
  let seconds: Int

  func run() async throws {
    let value = [UInt8](repeating: 120, count: 256)
    var revisions = [Revision](repeating: 0, count: keys)
    for group in 0..<64 {
      _ = try await store.commit(FabricTransaction(then: [.put("fence/\(100 + group)", [49])]))
    }
    let clock = ContinuousClock()
    var random = SystemRandomNumberGenerator()
    func batch(_ indexes: [Int]) async throws {
      let transactions = indexes.map { index in
        FabricTransaction(
          when: [.value("fence/\(100 + index % 64)", [49]), .modRevision(Self.key(index), revisions[index])],
          then: [.put(Self.key(index), value)]
        )
      }
      let results = try await store.commit(transactions, urgent: false)
      for (index, result) in zip(indexes, results) {
        guard let revision = result.revision else { throw FabricStoreError(.corrupt, "refused: \(result)") }
        revisions[index] = revision
      }
    }
    let filling = try await clock.measure {
      for start in stride(from: 0, to: keys, by: 64) { try await batch(Array(start..<min(start + 64, keys))) }
    }
    say("fill puts=\(keys) puts/s=\(Self.rate(keys, filling))")
    var (puts, latencies) = (0, Latencies())
    let (start, cpu) = (clock.now, CPUTime.now)
    while clock.now - start < .seconds(seconds) {
      var indexes: Set<Int> = []
      while indexes.count < min(64, keys) { indexes.insert(Int.random(in: 0..<keys, using: &random)) }
      latencies.add(try await clock.measure { try await batch(Array(indexes)) })
      puts += indexes.count
    }
    let used = CPUTime.now - cpu
    say(
      "update puts/s=\(Self.rate(puts, clock.now - start)) batch-ms: \(latencies.summary()) "
        + "cpu-us/put=\((used * 1e6 / Double(max(1, puts)) * 100).rounded() / 100)"
    )
    var count = 0
    let reading = try await clock.measure {
      count = try await store.readAll(.prefix("binding/")).entries.count
    }
    say("read keys=\(count) time=\(reading)")
    let now = try await store.read(.prefix("binding/"), at: nil, limit: 1).revision
    let older = try await clock.measure {
      count = try await store.readAll(.prefix("binding/"), at: now - 10_000).entries.count
    }
    say("read 10000 revisions back keys=\(count) time=\(older)")
  }

  static func key(_ index: Int) -> String { "binding/\(100 + index % 64)/sip:user\(index)@example.com" }

  static func rate(_ count: Int, _ time: Duration) -> Int {
    let (seconds, attoseconds) = time.components
    return Int(Double(count) / (Double(seconds) + Double(attoseconds) / 1e18))
  }
}

/// Processor time that this process used: on a busy machine the figure to trust.
enum CPUTime {
  /// Seconds, user and system together.
  static var now: Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}
