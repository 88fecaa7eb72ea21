import FabricStore

extension FabricStoreConformance {
  static let transactionCases: [Case] = [
    Case("a written value is read back with its revisions") { world in
      let store = try await world.open()
      let first = try await put(store, "a", "1")
      let second = try await put(store, "a", "2")
      guard let entry = try await store.read("a") else {
        throw ConformanceFailure(description: "a is not there")
      }
      let expected = Entry(key: "a", value: Array("2".utf8), createRevision: first, modRevision: second)
      try equal(entry, expected, "the entry")
      try require(try await store.read("b") == nil, "a key that was never written is there")
    },
    Case("transactions of a call see the ones before them") { world in
      let store = try await world.open()
      let base = try await put(store, "base", "")
      let results = try await store.commit(
        [
          FabricTransaction(when: [.absent("a")], then: [.put("a", [1]), .put("b", [1])]),
          FabricTransaction(when: [.modRevision("a", base + 1)], then: [.put("a", [2])]),
          FabricTransaction(when: [.value("b", [9])], then: [.put("b", [3])]),
          FabricTransaction(when: [.value("a", [2]), .present("b")], then: [.delete("b")]),
        ],
        urgent: false
      )
      try equal(results.map(\.revision), [base + 1, base + 2, nil, base + 3], "revisions")
      try equal(try await store.read("a")?.modRevision, base + 2, "a")
      try require(try await store.read("b") == nil, "b was not deleted")
    },
    Case("what changes nothing has no revision") { world in
      let store = try await world.open()
      let base = try await put(store, "base", "")
      let empty = try await store.commit(FabricTransaction(when: [.present("base")], then: []))
      let deletion = try await store.commit(FabricTransaction(then: [.delete("nothing")]))
      try equal([empty.revision, deletion.revision], [base, base], "revisions")
      try equal(try await put(store, "base", ""), base + 1, "writing the same value again is a change")
    },
    Case("comparisons hold and fail as they say") { world in
      let store = try await world.open()
      let revision = try await put(store, "a", "1")
      let one = Array("1".utf8)
      let holding: [Comparison] = [
        .present("a"), .absent("b"), .modRevision("a", revision), .modRevision("b", 0), .value("a", one),
      ]
      let failing: [Comparison] = [
        .absent("a"), .present("b"), .modRevision("a", revision + 1), .modRevision("a", 0),
        .modRevision("b", 1),
        .value("a", []), .value("b", []),
      ]
      for comparison in holding {
        let result = try await store.commit(FabricTransaction(when: [comparison], then: []))
        try equal(result, .applied(revision), "\(comparison)")
      }
      for comparison in failing {
        let result = try await store.commit(FabricTransaction(when: [comparison], then: [.put("c", one)]))
        try require(result.revision == nil, "\(comparison) held")
      }
      try require(try await store.read("c") == nil, "a refused transaction wrote")
    },
    Case("a refusal carries the newest entry of each key compared") { world in
      let store = try await world.open()
      try await put(store, "a", "1")
      let revision = try await put(store, "b", "2")
      let result = try await store.commit(
        FabricTransaction(when: [.value("b", []), .present("a"), .absent("none"), .present("b")], then: [])
      )
      guard case .refused(let current, let at) = result else {
        throw ConformanceFailure(description: "expected a refusal, found \(result)")
      }
      try equal(current.map(\.key).sorted(), ["a", "b"], "keys")
      try equal(at, revision, "revision")
      try equal(current.first { $0.key == "b" }?.modRevision, revision, "revision of b")
    },
    Case("a key that was deleted is created anew") { world in
      let store = try await world.open()
      let first = try await put(store, "a", "1")
      _ = try await store.commit(FabricTransaction(when: [.modRevision("a", first)], then: [.delete("a")]))
      let result = try await store.commit(
        FabricTransaction(when: [.modRevision("a", 0)], then: [.put("a", [])])
      )
      let again = try applied(result)
      let entry = try await store.read("a")
      try equal([entry?.createRevision, entry?.modRevision], [again, again], "revisions")
      try equal(entry?.value, [], "an empty value")
    },
    Case("a key twice in a transaction and what is beyond the limits is refused and changes nothing") {
      world in
      let store = try await world.open()
      let base = try await put(store, "base", "")
      let long = String(repeating: "k", count: FabricLimits.keyBytes + 1)
      let many = (0...FabricLimits.operations).map { FabricOperation.put("k\($0)", []) }
      let compared = (0...FabricLimits.comparisons).map { Comparison.absent("k\($0)") }
      let wrong = [
        FabricTransaction(then: [.put("a", []), .delete("a")]),
        FabricTransaction(then: [.put("", [])]),
        FabricTransaction(then: [.put(long, [])]),
        FabricTransaction(then: [.put("a", [UInt8](repeating: 0, count: FabricLimits.valueBytes + 1))]),
        FabricTransaction(then: many),
        FabricTransaction(when: compared, then: []),
      ]
      for transaction in wrong {
        let good = FabricTransaction(then: [.put("good", [])])
        try await throwing(.invalidRequest, "a limit") {
          _ = try await store.commit([good, transaction], urgent: false)
        }
      }
      try equal(try await store.read(.prefix(""), at: nil, limit: nil).revision, base, "the revision")
    },
    Case("the largest transaction, key and value are taken") { world in
      let store = try await world.open()
      let key = String(repeating: "k", count: FabricLimits.keyBytes)
      let value = [UInt8](repeating: 7, count: FabricLimits.valueBytes)
      _ = try applied(await store.commit(FabricTransaction(then: [.put(key, value)])))
      try equal(try await store.read(key)?.value, value, "the value")
      let many = (0..<FabricLimits.operations).map { FabricOperation.put("m/\($0)", [UInt8($0)]) }
      let compared = (0..<FabricLimits.comparisons).map { Comparison.absent("m/\($0)") }
      _ = try applied(await store.commit(FabricTransaction(when: compared, then: many)))
      try equal(try await store.readAll(.prefix("m/")).entries.count, many.count, "entries")
    },
    Case("of many who compare and swap one key, each success counts once") { world in
      let clients = [try await world.open(), try await world.open()]
      try await put(clients[0], "counter", "0")
      try await withThrowingTaskGroup(of: Void.self) { group in
        for task in 0..<8 {
          let store = clients[task % 2]
          group.addTask {
            for _ in 0..<25 { try await increment(store, "counter") }
          }
        }
        try await group.waitForAll()
      }
      let entry = try await clients[1].read("counter")
      try equal(String(decoding: entry?.value ?? [], as: UTF8.self), "200", "the counter")
    },
    Case("a write of an old generation is refused once the fence was raised") { world in
      let (old, new) = (try await world.open(), try await world.open())
      try await put(old, "fence/1", "1")
      func write(_ store: any FabricStore, generation: String) async throws -> TransactionResult {
        try await store.commit(
          FabricTransaction(
            when: [.value("fence/1", Array(generation.utf8))],
            then: [.put("binding/1/a", Array(generation.utf8))]
          )
        )
      }
      _ = try applied(await write(old, generation: "1"))
      let raise = FabricTransaction(
        when: [.value("fence/1", Array("1".utf8))],
        then: [.put("fence/1", Array("2".utf8))]
      )
      _ = try applied(await new.commit(raise, urgent: true))
      try require(try await write(old, generation: "1").revision == nil, "a fenced write was applied")
      _ = try applied(await write(new, generation: "2"))
      try equal(try await old.read("binding/1/a")?.value, Array("2".utf8), "the binding")
    },
    Case("keys are bytes: what Swift takes for the same text are two keys") { world in
      let store = try await world.open()
      let (composed, decomposed) = ("caf\u{e9}", "cafe\u{301}")
      let both = FabricTransaction(then: [.put(composed, [1]), .put(decomposed, [2])])
      _ = try applied(await store.commit(both))
      let entries = try await store.read(.prefix("caf"), at: nil, limit: nil).entries
      try equal(entries.map { Array($0.key.utf8) }, [Array(decomposed.utf8), Array(composed.utf8)], "keys")
      try equal(entries.map(\.value), [[2], [1]], "values")
    },
  ]

  /// Adds one to a number kept as text, again until the swap succeeds.
  static func increment(_ store: any FabricStore, _ key: String) async throws {
    var entry = try await store.read(key)
    while let known = entry {
      let number = Int(String(decoding: known.value, as: UTF8.self)) ?? 0
      let next = Array(String(number + 1).utf8)
      let swap = FabricTransaction(when: [.modRevision(key, known.modRevision)], then: [.put(key, next)])
      switch try await store.commit(swap) {
      case .applied: return
      case .refused(let current, _): entry = current.first
      }
    }
    throw ConformanceFailure(description: "\(key) has gone")
  }
}
