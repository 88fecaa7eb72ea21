import FabricStore
import Glibc

/// A server at full load: many tasks that each write one binding after the other, and a lease that must not be lost.
struct WriterLoad {
  let store: any FabricStore
  let name: String
  let seconds: Int
  let tasks: Int
  private static let ttl = Duration.seconds(2)

  func run() async throws {
    let clock = ContinuousClock()
    let end = clock.now + .seconds(seconds)
    let keeper = Task { try await keepLease(until: end) }
    let fence = "fence/\(name)"
    _ = try await store.commit(FabricTransaction(then: [.put(fence, [49])]))
    let value = [UInt8](repeating: 120, count: 256)
    let (puts, latencies) = try await withThrowingTaskGroup(of: (Int, Latencies).self) { group in
      for task in 0..<tasks {
        group.addTask {
          var (count, latencies) = (0, Latencies())
          var revisions = [Revision](repeating: 0, count: 500)
          while clock.now < end {
            let index = Int.random(in: 0..<revisions.count)
            let key = "binding/\(name)/\(task)/\(index)"
            let transaction = FabricTransaction(
              when: [.value(fence, [49]), .modRevision(key, revisions[index])],
              then: [.put(key, value)]
            )
            let sent = clock.now
            switch try await store.commit(transaction) {
            case .applied(let revision): revisions[index] = revision
            case .refused(let current, _):
              revisions[index] = current.first { $0.key == key }?.modRevision ?? 0
            }
            if count % 16 == 0 { latencies.add(clock.now - sent) }
            count += 1
          }
          return (count, latencies)
        }
      }
      var (puts, slowest) = (0, Latencies())
      for try await (count, latencies) in group {
        puts += count
        if latencies.percentile(0.99) >= slowest.percentile(0.99) { slowest = latencies }
      }
      return (puts, slowest)
    }
    let (renewals, lost) = try await keeper.value
    say(
      "name=\(name) puts=\(puts) \(latencies.summary("commit-")) renewals=\(renewals.count) "
        + "\(renewals.summary("renewal-")) lost=\(lost)"
    )
  }

  /// Renews every TTL/4 and, to have more figures, a second lease every 50 ms. Counts the leases that were lost.
  private func keepLease(until end: ContinuousClock.Instant) async throws -> (Latencies, lost: Int) {
    try await withThrowingTaskGroup(of: (Latencies, Int).self) { group in
      for pause in [Self.ttl / 4, .milliseconds(50)] {
        group.addTask {
          let clock = ContinuousClock()
          var (latencies, lost) = (Latencies(), 0)
          var lease = try await store.grantLease(ttl: Self.ttl)
          while clock.now < end {
            let sent = clock.now
            do {
              try await store.keepAlive(lease.id)
              latencies.add(clock.now - sent)
            } catch let error as FabricStoreError where error.code == .leaseNotFound {
              lost += 1
              lease = try await store.grantLease(ttl: Self.ttl)
            }
            try await Task.sleep(until: sent + pause, clock: clock)
          }
          try await store.revoke(lease.id)
          return (latencies, lost)
        }
      }
      var slowest = Latencies()
      var lost = 0
      for try await (latencies, count) in group {
        if latencies.count > slowest.count { slowest = latencies }
        lost += count
      }
      return (slowest, lost)
    }
  }
}

/// Writes numbers and prints each once it is durable, until it is killed.
struct AckLoad {
  let store: any FabricStore
  let name: String

  func run() async throws {
    let lease = try await store.grantLease(ttl: .seconds(2))
    _ = try await store.commit(FabricTransaction(then: [.put("live/\(name)", [], lease: lease.id)]))
    try await withThrowingTaskGroup(of: Void.self) { group in
      for task in 0..<16 {
        group.addTask {
          for index in 0... {
            // Every other one goes into a pack.
            let key = "\(index.isMultiple(of: 2) ? "binding/" : "")ack/\(name)/\(task)/\(index)"
            _ = try await store.commit(FabricTransaction(when: [.absent(key)], then: [.put(key, [])]))
            say(key)
          }
        }
      }
      group.addTask {
        while true {
          try await Task.sleep(for: .milliseconds(500))
          try await store.keepAlive(lease.id)
        }
      }
      try await group.waitForAll()
    }
  }
}

/// How long it takes until a commit of another process is told. Run several: each times the others' stamps.
struct WatchLoad {
  let store: any FabricStore
  let seconds: Int

  func run() async throws {
    let me = "stamp/\(UInt64.random(in: 0 ... .max))"
    let base = try await store.status().revision
    let end = ContinuousClock().now + .seconds(seconds)
    let writing = Task {
      while ContinuousClock().now < end {
        let now = String(Self.now)
        _ = try await store.commit(FabricTransaction(then: [.put(me, Array(now.utf8))]))
        try await Task.sleep(for: .milliseconds(Int.random(in: 5...15)))
      }
    }
    let watching = Task {
      var latencies = Latencies()
      for try await batch in store.watch(.prefix("stamp/"), from: base + 1) {
        let now = Self.now
        for case .put(let entry) in batch.changes where entry.key != me {
          guard let sent = Int64(String(decoding: entry.value, as: UTF8.self)) else { continue }
          latencies.add(.nanoseconds(now - sent))
        }
      }
      return latencies
    }
    try await writing.value
    try await Task.sleep(for: .milliseconds(200))
    watching.cancel()
    let latencies = try await watching.value
    say("told=\(latencies.count) from before the commit, ms: \(latencies.summary())")
  }

  /// Nanoseconds since the machine started: one clock for all processes.
  private static var now: Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }
}
