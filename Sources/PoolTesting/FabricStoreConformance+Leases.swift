import FabricStore

extension FabricStoreConformance {
  static let leaseCases: [Case] = [
    Case("a lease that is not renewed ends, its keys go, and watches are told") { world in
      let (store, other) = (try await world.open(), try await world.open())
      // Long enough that a busy machine attaches the keys in time.
      let grant = try await store.grantLease(ttl: .seconds(3))
      try require(grant.ttl >= .seconds(3), "less was granted than asked for: \(grant.ttl)")
      let operations: [FabricOperation] = [
        .put("live/a", [1], lease: grant.id), .put("live/b", [1], lease: grant.id), .put("stays", [1]),
      ]
      let revision = try applied(await store.commit(FabricTransaction(then: operations)))
      try equal(try await other.read("live/a")?.lease, grant.id, "the lease of the entry")
      let watch = other.watch(.prefix(""), from: revision + 1)
      try await world.pass(grant.ttl + .milliseconds(500))
      let changes = try await collect(watch) { $0.count >= 2 }
      try equal(Set(texts(changes)), ["live/a deleted", "live/b deleted"], "the changes")
      try require(changes.allSatisfy { $0.revision > revision }, "a deletion without a revision of its own")
      try equal(
        try await other.read(.prefix(""), at: nil, limit: nil).entries.map(\.key),
        ["stays"],
        "the keys"
      )
      try equal(try await other.read(.key("live/a"), at: revision, limit: 1).entries.count, 1, "history")
      try await throwing(.leaseNotFound, "renewing a lease that ran out") {
        try await store.keepAlive(grant.id)
      }
    },
    Case("a lease that is renewed lives on") { world in
      let store = try await world.open()
      let grant = try await store.grantLease(ttl: .seconds(3))
      _ = try applied(await store.commit(FabricTransaction(then: [.put("live", [], lease: grant.id)])))
      for _ in 0..<6 {
        try await world.pass(grant.ttl * 0.2)
        try await store.keepAlive(grant.id)
      }
      try require(try await store.read("live") != nil, "a renewed lease ended")
    },
    Case("generations rise from lease to lease, whoever is granted them") { world in
      let clients = [try await world.open(), try await world.open()]
      var generations: [UInt64] = []
      for index in 0..<6 {
        let grant = try await clients[index % 2].grantLease(ttl: .seconds(5))
        generations.append(grant.generation)
        if index % 3 == 0 { try await clients[1].revoke(grant.id) }
      }
      try equal(generations, generations.sorted(), "generations rise")
      try equal(Set(generations).count, generations.count, "generations differ")
      try require(generations[0] > 0, "a generation of 0")
    },
    Case("a lease that is revoked ends at once") { world in
      let (store, other) = (try await world.open(), try await world.open())
      let grant = try await store.grantLease(ttl: .seconds(60))
      let base = try applied(await store.commit(FabricTransaction(then: [.put("live", [], lease: grant.id)])))
      try await other.revoke(grant.id)
      try require(try await store.read("live") == nil, "the key of a revoked lease is there")
      let changes = try await collect(store.watch(.prefix(""), from: base + 1)) { $0.count >= 1 }
      try equal(texts(changes), ["live deleted"], "the change")
      try await store.revoke(grant.id)
      try await throwing(.leaseNotFound, "renewing it") { try await store.keepAlive(grant.id) }
    },
    Case("a key that is written without its lease outlives it, one that moves goes with the new one") {
      world in
      let store = try await world.open()
      let (one, two) = (
        try await store.grantLease(ttl: .seconds(60)), try await store.grantLease(ttl: .seconds(60))
      )
      let attach: [FabricOperation] = [
        .put("a", [], lease: one.id), .put("b", [], lease: one.id), .put("c", [], lease: one.id),
      ]
      _ = try await store.commit(FabricTransaction(then: attach))
      _ = try await store.commit(FabricTransaction(then: [.put("a", []), .put("b", [], lease: two.id)]))
      try await store.revoke(one.id)
      try equal(
        try await store.read(.prefix(""), at: nil, limit: nil).entries.map(\.key),
        ["a", "b"],
        "after one"
      )
      try await store.revoke(two.id)
      try equal(try await store.read(.prefix(""), at: nil, limit: nil).entries.map(\.key), ["a"], "after two")
    },
    Case("a key cannot be attached to a lease that is gone") { world in
      let store = try await world.open()
      let base = try await put(store, "base", "")
      let grant = try await store.grantLease(ttl: .seconds(60))
      try await store.revoke(grant.id)
      for lease in [grant.id, LeaseID(0x7fff_ffff_ffff)] {
        try await throwing(.leaseNotFound, "a put with a dead lease") {
          _ = try await store.commit(
            FabricTransaction(then: [.put("other", []), .put("live", [], lease: lease)])
          )
        }
      }
      try require(try await store.read("other") == nil, "a refused transaction wrote")
      try require(try await put(store, "base", "") > base, "the next revision")
    },
    Case("a time to live that is too short is refused") { world in
      let store = try await world.open()
      try await throwing(.invalidRequest, "no time to live") { _ = try await store.grantLease(ttl: .zero) }
    },
  ]

  static let clientCases: [Case] = [
    Case("clients of one store agree on its identity and read each other's writes") { world in
      let (one, two) = (try await world.open(), try await world.open())
      try equal(try await one.identity, try await two.identity, "the identity")
      let revision = try await put(one, "a", "1")
      try require(try await two.read("a") != nil, "a client does not see a finished commit of another")
      try require(try await two.status().revision >= revision, "the status is behind")
      await two.close()
      try await put(one, "a", "2")
      let three = try await world.open()
      try equal(texts(try await three.read(.key("a"), at: nil, limit: 1)), ["a=2"], "after opening again")
    },
    Case("a closed client throws, and its watches end") { world in
      let store = try await world.open()
      try await put(store, "a", "")
      let task = Task {
        for try await _ in store.watch(.prefix("never/"), from: 1) {}
      }
      try await Task.sleep(for: .milliseconds(30))
      await store.close()
      try require(await race(task, within: .seconds(5)), "a watch goes on after the client was closed")
      try await throwing(.unavailable, "a read") { _ = try await store.read("a") }
      try await throwing(.unavailable, "a commit") { try await put(store, "a", "") }
    },
    Case("the store's clock goes on") { world in
      let store = try await world.open()
      let before = try await store.now()
      try await world.pass(.milliseconds(30))
      let after = try await store.now()
      let passed = after.milliseconds - before.milliseconds
      try require((20...20_000).contains(passed), "30 ms took \(passed) ms")
    },
    Case("a cancelled commit ends soon and is applied wholly or not at all") { world in
      let store = try await world.open()
      for round in 0..<20 {
        let keys = (0..<4).map { "c/\(round)/\($0)" }
        let task = Task {
          _ = try await store.commit(FabricTransaction(then: keys.map { .put($0, []) }))
        }
        if round % 2 == 0 { await Task.yield() }
        task.cancel()
        try require(await race(task, within: .seconds(10)), "a cancelled commit does not end")
        let there = try await store.read(.prefix("c/\(round)/"), at: nil, limit: nil).entries.count
        try require(there == 0 || there == 4, "\(there) of 4 operations were applied")
        if case .success = await task.result { try equal(there, 4, "a commit that returned is applied") }
      }
    },
    Case("an unknown outcome can be settled by reading back") { world in
      guard let fail = world.failNextCommit else { return }
      let (store, other) = (try await world.open(), try await world.open())
      for isApplied in [true, false] {
        let key = "u/\(isApplied)"
        try await fail(store, isApplied)
        do {
          try await put(store, key, "mine")
          throw ConformanceFailure(description: "the fault did not strike")
        } catch let error as FabricStoreError {
          try equal(error.outcome, .unknown, "the outcome")
        }
        try equal(try await other.read(key) != nil, isApplied, "whether it was applied")
        let again = FabricTransaction(when: [.absent(key)], then: [.put(key, Array("mine".utf8))])
        try equal(
          try await store.commit(again).revision != nil,
          !isApplied,
          "whether a guarded retry applies"
        )
        try equal(try await other.read(key)?.value, Array("mine".utf8), "the value")
      }
    },
    Case("many commits at once all become durable, urgent ones too") { world in
      let clients = [try await world.open(), try await world.open()]
      try await withThrowingTaskGroup(of: Revision.self) { group in
        for index in 0..<200 {
          group.addTask {
            let transaction = FabricTransaction(when: [.absent("m/\(index)")], then: [.put("m/\(index)", [])])
            return try applied(await clients[index % 2].commit(transaction, urgent: index % 10 == 0))
          }
        }
        var count = 0
        for try await _ in group { count += 1 }
        try equal(count, 200, "commits")
      }
      try equal(try await clients[0].readAll(.prefix("m/")).entries.count, 200, "entries")
    },
  ]
}
