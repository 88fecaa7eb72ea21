import FabricStore

extension FabricStoreConformance {
  static let watchCases: [Case] = [
    Case("a watch tells history first, then what happens") { world in
      let store = try await world.open()
      let first = try await put(store, "a", "1")
      try await put(store, "a", "2")
      _ = try await store.commit(FabricTransaction(then: [.delete("a"), .put("b", Array("1".utf8))]))
      let watch = store.watch(.prefix(""), from: first)
      let later = Task {
        try await Task.sleep(for: .milliseconds(50))
        try await put(store, "c", "1")
      }
      let changes = try await collect(watch) { $0.count >= 5 }
      try equal(texts(changes), ["a=1", "a=2", "a deleted", "b=1", "c=1"], "the changes")
      try equal(changes[2].revision, changes[3].revision, "one transaction's changes have one revision")
      _ = try await later.value
    },
    Case("a watch tells the range it was asked for and nothing before its revision") { world in
      let store = try await world.open()
      try await put(store, "r/a", "early")
      let from = try await put(store, "r/a", "1")
      try await put(store, "q", "")
      try await put(store, "r0", "")
      try await put(store, "r/b", "2")
      let changes = try await collect(store.watch(.prefix("r/"), from: from)) { $0.count >= 2 }
      try equal(texts(changes), ["r/a=1", "r/b=2"], "the changes")
      let one = try await collect(store.watch(.key("r/b"), from: from)) { $0.count >= 1 }
      try equal(texts(one), ["r/b=2"], "the changes of one key")
    },
    Case("a watch begins at a revision that is still to come") { world in
      let store = try await world.open()
      let newest = try await put(store, "a", "1")
      let watch = store.watch(.prefix(""), from: newest + 2)
      let writing = Task {
        try await Task.sleep(for: .milliseconds(30))
        for text in ["2", "3", "4"] { try await put(store, "a", text) }
      }
      let changes = try await collect(watch) { $0.count >= 2 }
      try equal(texts(changes), ["a=3", "a=4"], "the changes")
      try await writing.value
    },
    Case("a watch sees what another client commits") { world in
      let (here, there) = (try await world.open(), try await world.open())
      let base = try await put(here, "base", "")
      let watch = here.watch(.prefix("x/"), from: base + 1)
      let writing = Task {
        for index in 0..<20 {
          try await put(there, "x/\(index)", "")
          try await Task.sleep(for: .milliseconds(3))
        }
      }
      let changes = try await collect(watch) { $0.count >= 20 }
      try equal(changes.map(\.key), (0..<20).map { "x/\($0)" }, "the keys")
      try await writing.value
    },
    Case("under concurrent writers watches leave nothing out and tell nothing twice") { world in
      try await watchUnderLoad(world)
    },
    Case("a watch from forgotten history ends with .compacted") { world in
      let store = try await world.open()
      let first = try await put(store, "a", "1")
      for index in 0..<10 { try await put(store, "a", "\(index)") }
      let edge = try await put(store, "a", "edge")
      let last = try await put(store, "a", "last")
      try await store.compact(before: edge)
      try await throwing(.compacted, "a watch from the past") {
        for try await _ in store.watch(.prefix(""), from: first + 1) {}
      }
      let changes = try await collect(store.watch(.prefix(""), from: edge)) { $0.count >= 2 }
      try equal(changes.map(\.revision), [edge, last], "a watch from the edge")
    },
    Case("a slow watch holds nobody up and misses nothing") { world in
      let (store, writer) = (try await world.open(), try await world.open())
      let base = try await put(store, "base", "")
      let watch = store.watch(.prefix("s/"), from: base + 1)
      let clock = ContinuousClock()
      let start = clock.now
      var written: [Revision] = []
      for index in 0..<30 {
        let batch = (0..<100).map { FabricTransaction(then: [.put("s/\(index)/\($0)", [])]) }
        written += try await writer.commit(batch, urgent: false).compactMap(\.revision)
      }
      try require(clock.now - start < .seconds(20), "writing waited for a watch that does not read")
      let changes = try await collect(watch) { $0.count >= 3_000 }
      try checkOrder(changes, contains: written)
    },
    Case("a watch ends when its task is cancelled") { world in
      let store = try await world.open()
      let base = try await put(store, "base", "")
      let task = Task {
        for try await _ in store.watch(.prefix("never/"), from: base + 1) {}
      }
      try await Task.sleep(for: .milliseconds(50))
      task.cancel()
      let end = await race(task, within: .seconds(5))
      try require(end, "the watch goes on after its task was cancelled")
      try await put(store, "never/a", "the store lives on")
    },
  ]

  /// Whether a task ends within a time.
  static func race<T: Sendable>(_ task: Task<T, any Error>, within limit: Duration) async -> Bool {
    return await withTaskGroup(of: Bool.self) { group in
      group.addTask {
        _ = await task.result
        return true
      }
      group.addTask {
        try? await Task.sleep(for: limit)
        return false
      }
      let first = await group.next() ?? false
      group.cancelAll()
      if !first { task.cancel() }
      return first
    }
  }

  private static func watchUnderLoad(_ world: FabricStoreWorld) async throws {
    let clients = [try await world.open(), try await world.open(), try await world.open()]
    let base = try await put(clients[0], "base", "")
    let (writers, rounds) = (6, 30)
    let total = writers * rounds * 4
    let revisions = try await withThrowingTaskGroup(of: [Revision].self) { group in
      for client in clients {
        for delay in [0, 20, 100] {
          group.addTask {
            try await Task.sleep(for: .milliseconds(delay))
            let changes = try await collect(client.watch(.prefix("w/"), from: base + 1), within: .seconds(40))
            {
              $0.count >= total
            }
            try equal(changes.count, total, "changes told")
            try checkOrder(changes, contains: [])
            return []
          }
        }
      }
      for writer in 0..<writers {
        group.addTask {
          var written: [Revision] = []
          for round in 0..<rounds {
            let transactions = (0..<2).map { part in
              FabricTransaction(then: [
                .put("w/\(writer)/\(part)", [UInt8(round)]), .put("w/\(writer)/\(part)/\(round)", []),
              ])
            }
            let results = try await clients[writer % 3].commit(transactions, urgent: writer == 0)
            written += results.compactMap(\.revision)
          }
          return written
        }
      }
      return try await group.reduce(into: []) { $0 += $1 }
    }
    try equal(revisions.count, writers * rounds * 2, "transactions applied")
    let again = try await collect(clients[1].watch(.prefix("w/"), from: base + 1)) { $0.count >= total }
    try checkOrder(again, contains: revisions)
  }
}
