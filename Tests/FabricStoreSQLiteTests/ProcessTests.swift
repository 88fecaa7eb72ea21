import FabricStore
import Foundation
import Glibc
import Testing

@testable import FabricStoreSQLite

/// Processes of their own on one file; `fabric-load` is built beside the tests.
@Suite("Several processes on one fabric file", .serialized, .timeLimit(.minutes(2)))
struct ProcessTests {
  private static let program: String = {
    let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    return URL(fileURLWithPath: own).deletingLastPathComponent().path + "/fabric-load"
  }()

  /// A child whose output goes to a file, so that nothing that it said is lost when it is killed.
  private struct Child {
    let process: Process
    let output: String

    var lines: [String] {
      (try? String(contentsOfFile: output, encoding: .utf8))?.split(separator: "\n").map(String.init) ?? []
    }

    func kill() {
      Glibc.kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
    }
  }

  private func start(_ fabric: TemporaryFabric, _ arguments: String...) throws -> Child {
    let output = fabric.directory + "/\(UUID().uuidString).out"
    _ = FileManager.default.createFile(atPath: output, contents: nil)
    let process = Process()
    process.executableURL = URL(fileURLWithPath: Self.program)
    process.arguments = arguments
    process.standardOutput = FileHandle(forWritingAtPath: output)
    try process.run()
    return Child(process: process, output: output)
  }

  private func wait(_ what: String, until isDone: () async throws -> Bool) async throws {
    for _ in 0..<1_000 {
      if try await isDone() { return }
      try await Task.sleep(for: .milliseconds(20))
    }
    Issue.record("\(what) did not happen in 20 s")
  }

  @Test("what a killed writer was told is durable, the others go on, and its lease ends")
  func kill() async throws {
    let fabric = try TemporaryFabric()
    let store = try await fabric.open()
    let watch = store.watch(.prefix("live/"), from: 1)
    let (victim, other) = (
      try start(fabric, "acks", fabric.path, "victim"), try start(fabric, "acks", fabric.path, "other")
    )
    defer { other.kill() }
    try await wait("writing") { victim.lines.count > 300 && other.lines.count > 300 }
    victim.kill()
    let told = victim.lines
    let before = other.lines.count
    let killed = ContinuousClock().now
    try await wait("the other's writing") { other.lines.count > before + 300 }
    let there = Set(try await store.readAll(.prefix("")).entries.map(\.key))
    let missing = told.filter { !there.contains($0) }
    #expect(missing.isEmpty, "\(missing.count) of \(told.count) acknowledged writes are gone")
    for try await batch in watch {
      guard case .delete(let key, _)? = batch.changes.last(where: { $0.key == "live/victim" }) else {
        continue
      }
      #expect(key == "live/victim")
      break
    }
    #expect(ContinuousClock().now - killed < .seconds(6))
    #expect(try await store.read("live/other") != nil)
    await store.close()
  }

  @Test("after all of them were killed at once the file is sound and has all that they were told")
  func killAll() async throws {
    let fabric = try TemporaryFabric()
    var told: [String] = []
    for round in 0..<3 {
      let children = try (0..<3).map { try start(fabric, "acks", fabric.path, "\(round)-\($0)") }
      try await wait("writing") { children.allSatisfy { $0.lines.count > 200 } }
      for child in children { Glibc.kill(child.process.processIdentifier, SIGKILL) }
      for child in children { child.process.waitUntilExit() }
      told += children.flatMap(\.lines)
    }
    let report = try await FabricFile.check(fabric.path)
    #expect(report.problems == [])
    let store = try await fabric.open()
    let there = Set(try await store.readAll(.prefix("")).entries.map(\.key))
    #expect(told.allSatisfy { there.contains($0) }, "an acknowledged write is gone")
    await store.close()
  }

  @Test("at full load of three processes each has its share, and no lease is renewed late or lost")
  func fairness() async throws {
    let fabric = try TemporaryFabric()
    let children = try (0..<3).map { try start(fabric, "writer", fabric.path, "w\($0)", "4", "32") }
    for child in children { child.process.waitUntilExit() }
    let figures = try children.map { child in
      let line = try #require(child.lines.last)
      let fields = line.split(separator: " ").map { $0.split(separator: "=", maxSplits: 1).map(String.init) }
      return Dictionary(fields.filter { $0.count == 2 }.map { ($0[0], $0[1]) }) { $1 }
    }
    let puts = figures.compactMap { $0["puts"].flatMap(Int.init) }
    let lowest = try #require(puts.min())
    let highest = try #require(puts.max())
    // Each writes for four seconds from its own start, so the shares are only roughly alike; the benchmark is exact.
    #expect(lowest * 4 > highest, "shares \(puts)")
    #expect(figures.map { $0["lost"] } == ["0", "0", "0"])
    let slowest = try #require(figures.compactMap { $0["renewal-p99"].flatMap(Double.init) }.max())
    #expect(slowest < 500, "the 99th percentile of renewals is \(slowest) ms")
    #expect(try await FabricFile.check(fabric.path).isSound)
  }

  @Test("what another process commits is told soon")
  func notice() async throws {
    let fabric = try TemporaryFabric()
    let children = try (0..<2).map { _ in try start(fabric, "watch", fabric.path, "2") }
    for child in children { child.process.waitUntilExit() }
    for child in children {
      let line = try #require(child.lines.last)
      let median = try #require(line.split(separator: " ").first { $0.hasPrefix("p50=") })
      let milliseconds = try #require(Double(median.dropFirst(4)))
      #expect(milliseconds < 20, "\(line)")
    }
  }
}
