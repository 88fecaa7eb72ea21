import FabricStore

extension FabricStoreConformance {
  static let readingCases: [Case] = [
    Case("a range is read in order of its keys' bytes") { world in
      let store = try await world.open()
      for key in ["b/2", "a", "b/10", "B", "b/", "b", "c", "b/\u{1f600}", "b/\u{e9}", "b0"] {
        try await put(store, key, "")
      }
      let keys = try await store.read(.prefix("b/"), at: nil, limit: nil).entries.map(\.key)
      try equal(keys, ["b/", "b/10", "b/2", "b/\u{e9}", "b/\u{1f600}"], "keys of the prefix")
      let all = try await store.read(.prefix(""), at: nil, limit: nil).entries.map(\.key)
      try equal(all.count, 10, "all keys")
      try equal(Array(all.prefix(3)), ["B", "a", "b"], "the first keys")
      let middle = try await store.read(KeyRange(start: "b", end: "b/2"), at: nil, limit: nil).entries.map(
        \.key
      )
      try equal(middle, ["b", "b/", "b/10"], "the end is not in the range")
    },
    Case("pages of one reading are of one revision, whatever is written meanwhile") { world in
      let store = try await world.open()
      for index in 0..<10 { try await put(store, "k/\(index)", "old") }
      let first = try await store.read(.prefix("k/"), at: nil, limit: 4)
      try equal(first.entries.map(\.key), ["k/0", "k/1", "k/2", "k/3"], "the first page")
      try require(first.more, "the first page does not say that there is more")
      let changes: [FabricOperation] = [
        .put("k/4", Array("new".utf8)), .delete("k/5"), .put("k/55", []), .delete("k/9"), .put("k/0", []),
      ]
      _ = try await store.commit(FabricTransaction(then: changes))
      _ = try await store.commit(FabricTransaction(then: [.put("k/9", Array("again".utf8)), .delete("k/4")]))
      let second = try await store.read(KeyRange.prefix("k/").after("k/3"), at: first.revision, limit: 4)
      try equal(texts(second), ["k/4=old", "k/5=old", "k/6=old", "k/7=old"], "the second page")
      try require(second.more, "the second page does not say that there is more")
      let third = try await store.read(KeyRange.prefix("k/").after("k/7"), at: first.revision, limit: 2)
      try equal(texts(third), ["k/8=old", "k/9=old"], "the third page")
      try require(!third.more, "the last page says that there is more")
      try equal(third.revision, first.revision, "the revision of the pages")
    },
    Case("a limit of nothing and an exact limit") { world in
      let store = try await world.open()
      try await put(store, "a", "")
      try await put(store, "b", "")
      let none = try await store.read(.prefix("none"), at: nil, limit: 5)
      try require(none.entries.isEmpty && !none.more, "an empty range")
      let exact = try await store.read(.prefix(""), at: nil, limit: 2)
      try require(exact.entries.count == 2 && !exact.more, "an exact limit says that there is more")
    },
    Case("the state at every older revision can be read") { world in
      let store = try await world.open()
      var states: [(revision: Revision, texts: [String])] = []
      let steps: [[FabricOperation]] = [
        [.put("a", Array("1".utf8))], [.put("b", Array("1".utf8)), .put("a", Array("2".utf8))],
        [.delete("a")],
        [.put("c", Array("1".utf8))], [.put("a", Array("3".utf8)), .delete("b")],
        [.delete("c"), .put("b", Array("2".utf8))],
      ]
      for step in steps {
        let revision = try applied(await store.commit(FabricTransaction(then: step)))
        states.append((revision, texts(try await store.read(.prefix(""), at: nil, limit: nil))))
      }
      for state in states {
        let reading = try await store.read(.prefix(""), at: state.revision, limit: nil)
        try equal(texts(reading), state.texts, "the state at revision \(state.revision)")
        try equal(reading.revision, state.revision, "the reading's revision")
        for entry in reading.entries {
          let one = try await store.read(.key(entry.key), at: state.revision, limit: 1).entries.first
          try equal(one, entry, "one key at revision \(state.revision)")
        }
      }
    },
    Case("a revision that is not there yet cannot be read") { world in
      let store = try await world.open()
      let newest = try await put(store, "a", "")
      try await throwing(.invalidRequest, "a read of the future") {
        _ = try await store.read(.prefix(""), at: newest + 1_000, limit: nil)
      }
    },
    Case("readings at an older revision do not move while others write") { world in
      let (reader, writer) = (try await world.open(), try await world.open())
      for index in 0..<200 { try await put(writer, "k/\(index)", "old") }
      let before = try await reader.readAll(.prefix("k/"))
      let writing = Task {
        for round in 0..<40 {
          let batch = (0..<5).map { FabricTransaction(then: [.put("k/\((round * 5 + $0) % 300)", [])]) }
          _ = try await writer.commit(batch, urgent: false)
        }
      }
      for _ in 0..<10 {
        let again = try await reader.readAll(.prefix("k/"), at: before.revision, page: 17)
        try equal(again, before, "the reading at revision \(before.revision)")
      }
      try await writing.value
    },
    Case("history that was forgotten cannot be read, the newest values can") { world in
      let store = try await world.open()
      var revisions: [Revision] = []
      for index in 0..<10 { revisions.append(try await put(store, "k/\(index % 3)", "\(index)")) }
      _ = try await store.commit(FabricTransaction(then: [.delete("k/0")]))
      let last = try await put(store, "other", "")
      try await store.compact(before: revisions[8])
      try await throwing(.compacted, "a read of forgotten history") {
        _ = try await store.read(.prefix(""), at: revisions[2], limit: nil)
      }
      try equal(
        texts(try await store.read(.prefix("k/"), at: nil, limit: nil)),
        ["k/1=7", "k/2=8"],
        "the newest"
      )
      let kept = try await store.read(.prefix("k/"), at: revisions[8], limit: nil)
      try equal(texts(kept), ["k/0=6", "k/1=7", "k/2=8"], "the state at the edge")
      try await store.compact(before: revisions[3])
      try await store.compact(before: last + 1_000_000)
      try equal(
        texts(try await store.read(.prefix("k/"), at: nil, limit: nil)),
        ["k/1=7", "k/2=8"],
        "after all of it"
      )
      try require(try await put(store, "k/0", "new") > last, "the next revision")
    },
    Case("thousands of keys are written in one call and read in pages") { world in
      let store = try await world.open()
      let transactions = (0..<3_000).map { index in
        FabricTransaction(then: [
          .put("big/\(10_000 + index)", [UInt8](repeating: UInt8(index & 255), count: 100))
        ])
      }
      for start in stride(from: 0, to: transactions.count, by: 1_000) {
        _ = try await store.commit(Array(transactions[start..<(start + 1_000)]), urgent: false)
      }
      let reading = try await store.readAll(.prefix("big/"), page: 700)
      try equal(reading.entries.count, 3_000, "entries")
    },
  ]
}
