import FabricStore
import Foundation
import GRDB
import Testing

@testable import FabricStoreSQLite

@Suite("When the disk fails", .timeLimit(.minutes(1)))
struct FailureTests {
  /// Runs a command and waits for it. Whether it succeeded.
  private func run(_ command: String...) -> Bool {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = command
    process.standardError = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return false }
    process.waitUntilExit()
    return process.terminationStatus == 0
  }

  @Test("a full file throws .noSpace and reports no success; with room again the store recovers")
  func full() async throws {
    let fabric = try TemporaryFabric()
    try await fabric.fill()
    let store = try await fabric.open { $0.pageLimit = 60 }
    var (written, failure): ([String], FabricStoreError?) = ([], nil)
    for index in 0..<200 {
      do {
        let value = [UInt8](repeating: 1, count: 4_000)
        _ = try await store.commit(FabricTransaction(then: [.put("big/\(index)", value)]))
        written.append("big/\(index)")
      } catch {
        failure = error
        break
      }
    }
    #expect(failure?.code == .noSpace)
    #expect(!written.isEmpty && written.count < 100)
    let there = try await FabricFile.check(fabric.path)
    #expect(there.isSound)
    #expect(there.keys == 10 + written.count)
    await store.close()
    let again = try await fabric.open()
    #expect(try await again.readAll(.prefix("big/")).entries.map(\.key).sorted() == written.sorted())
    try await again.put("more", "room")
    await again.close()
  }

  @Test("a full disk: writes fail, reads go on after the file was opened again, and room brings writes back")
  func fullDisk() async throws {
    let fabric = try TemporaryFabric()
    // Needs root; elsewhere the limit of pages above stands for it.
    guard run("mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", fabric.directory) else { return }
    defer { _ = run("umount", "-l", fabric.directory) }
    let store = try await fabric.open()
    try await store.put("a", "1")
    let filler = fabric.directory + "/filler"
    _ = FileManager.default.createFile(atPath: filler, contents: Data(repeating: 0, count: 1 << 20))
    var (written, failures): (Set<String>, [FabricStoreError]) = ([], [])
    for index in 0..<100 {
      do {
        let value = [UInt8](repeating: 1, count: 30_000)
        _ = try await store.commit(FabricTransaction(then: [.put("big/\(index)", value)]))
        written.insert("big/\(index)")
      } catch {
        failures.append(error)
      }
    }
    #expect(!failures.isEmpty)
    #expect(failures.allSatisfy { [.noSpace, .unavailable].contains($0.code) })
    try FileManager.default.removeItem(atPath: filler)
    var recovered = false
    for _ in 0..<100 where !recovered {
      recovered = (try? await store.put("after", "room")) != nil
      if !recovered { try await Task.sleep(for: .milliseconds(50)) }
    }
    #expect(recovered)
    let keys = Set(try await store.readAll(.prefix("big/")).entries.map(\.key))
    #expect(written.isSubset(of: keys), "an acknowledged write is gone")
    await store.close()
    #expect(try await FabricFile.check(fabric.path).isSound)
  }

  @Test("a file on a read-only file system is .readOnly")
  func readOnly() async throws {
    let fabric = try TemporaryFabric()
    try await fabric.fill()
    guard run("mount", "--bind", fabric.directory, fabric.directory) else { return }
    defer { _ = run("umount", "-l", fabric.directory) }
    guard run("mount", "-o", "remount,bind,ro", fabric.directory) else { return }
    let error = try await fabricError { _ = try await fabric.open() }
    #expect(error?.code == .readOnly)
  }

  @Test("a damaged page is met as .corrupt, by name, and never answered as if nothing were there")
  func damagedPage() async throws {
    let fabric = try TemporaryFabric()
    try await fabric.fill(2_000)
    let size = try #require(FileManager.default.attributesOfItem(atPath: fabric.path)[.size] as? UInt64)
    for page in 4..<(size / 4_096) where page != 1 {
      try fabric.damage(at: page * 4_096, with: [UInt8](repeating: 0x5a, count: 200))
    }
    let report = try await FabricFile.check(fabric.path)
    #expect(!report.isSound)
    let error = try await fabricError {
      let store = try await fabric.open()
      _ = try await store.readAll(.prefix("k/"))
    }
    #expect(error?.code == .corrupt)
    #expect(error?.message.contains(fabric.path) == true)
  }

  @Test("a write that meets damage closes the store for writes until it is sound again")
  func writeOnDamage() async throws {
    let fabric = try TemporaryFabric()
    try await fabric.fill(2_000)
    let size = try #require(FileManager.default.attributesOfItem(atPath: fabric.path)[.size] as? UInt64)
    for page in 4..<(size / 4_096) {
      try fabric.damage(at: page * 4_096, with: [UInt8](repeating: 0x5a, count: 200))
    }
    let store = try await fabric.open()
    for _ in 0..<3 {
      let error = try await fabricError { try await store.put("k/77", "new") }
      #expect(error?.code == .corrupt)
    }
    await store.close()
  }

  @Test("another program's lock makes writes wait, then fail unapplied; the store needs no repair after it")
  func lockedOut() async throws {
    let fabric = try TemporaryFabric()
    let store = try await fabric.open()
    try await store.put("a", "1")
    var plain = Configuration()
    plain.allowsUnsafeTransactions = true
    let other = try DatabaseQueue(path: fabric.path, configuration: plain)
    try await other.writeWithoutTransaction { try $0.execute(sql: "BEGIN IMMEDIATE") }
    let error = try await fabricError { try await store.put("a", "2") }
    #expect(error?.code == .unavailable && error?.outcome == .notApplied)
    #expect(try await store.text("a") == "1")
    try await other.writeWithoutTransaction { try $0.execute(sql: "ROLLBACK") }
    try await store.put("a", "3")
    #expect(try await store.status().alarms == [])
    try other.close()
    await store.close()
  }

  @Test(
    "after an I/O error in a commit the file is opened again and checked before the next write",
    arguments: [true, false]
  )
  func commitFailure(isApplied: Bool) async throws {
    let fabric = try TemporaryFabric()
    let fault = CommitFault()
    let store = try await fabric.open { $0.commitFault = fault.strike }
    let base = try await store.put("a", "1")
    let watch = store.watch(.prefix(""), from: base + 1)
    fault.arm(isApplied ? .after : .before)
    let error = try await fabricError { try await store.put("a", "2") }
    #expect(error?.code == .unavailable && error?.outcome == .unknown)
    // The next write waits for the repair, whoever makes it.
    #expect(try await store.put("b", "1") == base + (isApplied ? 2 : 1))
    #expect(try await store.text("a") == (isApplied ? "2" : "1"))
    var keys: [String] = []
    for try await batch in watch {
      keys += batch.changes.map(\.key)
      if keys.last == "b" { break }
    }
    #expect(keys == (isApplied ? ["a", "b"] : ["b"]))
    #expect(try await store.status().alarms == [])
    await store.close()
  }
}
