import Foundation
import PoolDriving
import PoolFile
import PoolModel
import Testing

@testable import ServerControl

/// Servers are kept running by keeper processes, and only by them.
@Suite(.serialized) struct SupervisionTests {
  private let name = KeptServer.name

  @Test func aServerIsStartedAndStopped() async throws {
    let kept = try KeptServer(script: KeptServer.wellBehaved)
    #expect(try await !kept.control.isRunning(name))
    try await kept.control.start(name, act: nil, deadline: .now + .seconds(10))
    #expect(try await kept.control.isRunning(name))
    let server = try #require(kept.directory.serverPid.holder())
    let keeper = try #require(kept.directory.keeperPid.holder())
    #expect(server > 1 && keeper > 1 && server != keeper)
    #expect(await kept.eventually { !kept.lines("starts").isEmpty })
    #expect(kept.lines("starts") == ["frontend --config \(kept.file.path) --server fe1 --supervised"])
    // Started twice is started once.
    try await kept.control.start(name, act: nil, deadline: .now + .seconds(10))
    #expect(kept.directory.keeperPid.holder() == keeper)
    try await kept.control.stop(name, act: nil, deadline: .now + .seconds(10))
    #expect(kept.lines("ends") == ["term"])
    #expect(try await !kept.control.isRunning(name))
    #expect(kept.directory.keeperPid.holder() == nil)
    try await kept.control.stop(name, act: nil, deadline: .now + .seconds(1))
    await kept.remove()
  }

  @Test func aCrashedServerIsStartedAgain() async throws {
    let kept = try KeptServer(script: KeptServer.wellBehaved)
    try await kept.control.start(name, act: nil, deadline: .now + .seconds(10))
    let first = try #require(kept.directory.serverPid.holder())
    #expect(await kept.eventually { kept.lines("starts").count == 1 })
    kill(first, SIGKILL)
    #expect(await kept.eventually { kept.lines("starts").count == 2 })
    let second = kept.directory.serverPid.holder()
    #expect(second != nil && second != first)
    await kept.remove()
  }

  @Test func aServerEndsWithItsKeeper() async throws {
    let kept = try KeptServer(script: KeptServer.wellBehaved)
    try await kept.control.start(name, act: nil, deadline: .now + .seconds(10))
    #expect(await kept.eventually { !kept.lines("starts").isEmpty })
    let keeper = try #require(kept.directory.keeperPid.holder())
    kill(keeper, SIGKILL)
    #expect(await kept.eventually { kept.lines("ends") == ["eof"] })
    #expect(await kept.eventually { kept.directory.serverPid.holder() == nil })
    // And it can be started again.
    try await kept.control.start(name, act: nil, deadline: .now + .seconds(10))
    #expect(await kept.eventually { kept.lines("starts").count == 2 })
    await kept.remove()
  }

  @Test func aServerThatDoesNotEndIsKilled() async throws {
    let kept = try KeptServer(script: KeptServer.stubborn, stopBound: .milliseconds(300))
    try await kept.control.start(name, act: nil, deadline: .now + .seconds(10))
    #expect(await kept.eventually { !kept.lines("starts").isEmpty })
    try await kept.control.stop(name, act: nil, deadline: .now + .seconds(10))
    #expect(try await !kept.control.isRunning(name))
    // The caller's own deadline is kept too, whatever the keeper's bound.
    let slow = try KeptServer(script: KeptServer.stubborn, stopBound: .seconds(600))
    try await slow.control.start(name, act: nil, deadline: .now + .seconds(10))
    #expect(await slow.eventually { !slow.lines("starts").isEmpty })
    try await slow.control.stop(name, act: nil, deadline: .now + .seconds(2))
    #expect(try await !slow.control.isRunning(name))
    await kept.remove()
    await slow.remove()
  }

  @Test func aServerLeftBehindIsReplaced() async throws {
    let kept = try KeptServer(script: KeptServer.stubborn, stopBound: .milliseconds(300))
    try await kept.control.start(name, act: nil, deadline: .now + .seconds(10))
    #expect(await kept.eventually { !kept.lines("starts").isEmpty })
    let first = try #require(kept.directory.serverPid.holder())
    kill(try #require(kept.directory.keeperPid.holder()), SIGKILL)
    #expect(await kept.eventually { kept.directory.keeperPid.holder() == nil })
    #expect(try await kept.control.isRunning(name))
    try await kept.control.start(name, act: nil, deadline: .now + .seconds(10))
    #expect(await kept.eventually { ![nil, 0, first].contains(kept.directory.serverPid.holder()) })
    await kept.remove()
  }

  @Test func aPidFileWithoutALockNamesNobody() throws {
    let path = NSTemporaryDirectory() + "stale-\(UUID().uuidString).pid"
    try "1\n".write(toFile: path, atomically: true, encoding: .utf8)
    defer { try? FileManager.default.removeItem(atPath: path) }
    #expect(PidFile(path: path).holder() == nil)
    let held = try PidFile(path: path).lock()
    #expect(PidFile(path: path).holder() == 1)
    let second = try PidFile(path: path).lock()
    let isRefused = second == nil
    #expect(isRefused)
    _ = consume second
    _ = consume held
    #expect(PidFile(path: path).holder() == nil)
  }

  @Test func withoutAReleaseNothingIsStarted() async throws {
    let kept = try KeptServer(script: KeptServer.wellBehaved)
    unlink(kept.directory.current)
    let error = await #expect(throws: PoolDriverError.self) {
      try await kept.control.start(name, act: nil, deadline: .now + .seconds(1))
    }
    #expect(error?.code == .failed && error?.message.contains("has no program at") == true)
    let unknown = await #expect(throws: PoolDriverError.self) {
      try await kept.control.start(ServerName("fe9"), act: nil, deadline: .now + .seconds(1))
    }
    #expect(unknown?.code == .unknownServer)
    await kept.remove()
  }

  @Test func aServerThatKeepsEndingIsToldOf() async throws {
    let kept = try KeptServer(script: "#!/bin/sh\necho no such port >&2\nexit 69\n")
    // Whether its short life is seen is a matter of luck: what counts is that the keeper goes on.
    _ = try? await kept.control.start(name, act: nil, deadline: .now + .seconds(5))
    #expect(await kept.eventually { (kept.directory.trouble?.count ?? 0) >= 3 })
    #expect(kept.directory.trouble?.description.hasSuffix("in a row: no such port") == true)
    #expect(kept.directory.keeperPid.holder() != nil)
    try await kept.control.stop(name, act: nil, deadline: .now + .seconds(5))
    #expect(kept.directory.trouble == nil)
    await kept.remove()
  }

  @Test func backOffGrowsAndStartsAnew() {
    var backOff = KeeperBackOff()
    let waits = (0..<7).map { _ in backOff.next(afterRunning: .zero) }
    #expect(waits == [200, 400, 800, 1600, 3200, 5000, 5000].map { .milliseconds($0) })
    #expect(backOff.next(afterRunning: .seconds(10)) == .milliseconds(200))
    for _ in 0..<1000 { _ = backOff.next(afterRunning: .zero) }
    #expect(backOff.next(afterRunning: .zero) == .seconds(5))
  }
}
