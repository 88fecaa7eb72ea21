import Foundation
import PoolDriving
import PoolFile
import PoolModel
import ServerControl
import Testing

/// Servers whose service is the operator's own commands.
@Suite struct ServiceCommandTests {
  private let name = ServerName("fe1")

  private func control(start: String, stop: String, status: String) throws -> CommandServerControl {
    let text = """
      pool: p
      domain: example.com
      fabric: sqlite:f
      servers:
        - name: fe1
          sip: 127.0.0.1:21011
          peer: 127.0.0.1:21012
          http: 127.0.0.1:21013
          service: {start: '\(start)', stop: '\(stop)', status: '\(status)'}
      """
    return CommandServerControl(try PoolFile.parse(text, path: "/tmp/pool.yaml"))
  }

  @Test func commandsAreRunWithTheirEnvironment() async throws {
    let mark = NSTemporaryDirectory() + "service-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: mark) }
    let control = try control(
      start: "echo $QUORATE_POOL $QUORATE_SERVER > \(mark)",
      stop: "rm \(mark)",
      status: "test -f \(mark)"
    )
    #expect(try await !control.isRunning(name))
    try await control.start(name, act: nil, deadline: .now + .seconds(10))
    #expect(try String(contentsOfFile: mark, encoding: .utf8) == "p fe1\n")
    #expect(try await control.isRunning(name))
    try await control.stop(name, act: nil, deadline: .now + .seconds(10))
    #expect(try await !control.isRunning(name))
  }

  @Test func aFailureSaysWhichCommandAndWhatItWrote() async throws {
    let control = try control(start: "echo no unit >&2; exit 5", stop: "true", status: "false")
    let error = await #expect(throws: PoolDriverError.self) {
      try await control.start(name, act: nil, deadline: .now + .seconds(10))
    }
    #expect(error?.code == .failed)
    #expect(error?.message.contains("exit code 5") == true && error?.message.contains("no unit") == true)
  }

  @Test func aHangingCommandIsKilledWithAllItStarted() async throws {
    let mark = NSTemporaryDirectory() + "hang-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: mark) }
    let control = try control(start: "(sleep 2; touch \(mark)) & sleep 60", stop: "true", status: "false")
    let began = ContinuousClock.now
    let error = await #expect(throws: PoolDriverError.self) {
      try await control.start(name, act: nil, deadline: .now + .milliseconds(300))
    }
    #expect(error?.code == .timedOut)
    #expect(ContinuousClock.now - began < .seconds(2))
    try await Task.sleep(for: .milliseconds(2500))
    #expect(!FileManager.default.fileExists(atPath: mark))
  }

  @Test func aCommandMayLeaveAProcessBehind() async throws {
    let control = try control(start: "sleep 3 &", stop: "true", status: "false")
    let began = ContinuousClock.now
    try await control.start(name, act: nil, deadline: .now + .seconds(30))
    #expect(ContinuousClock.now - began < .seconds(2))
  }

  @Test func aServerThatDoesNotStopIsToldOf() async throws {
    let control = try control(start: "true", stop: "true", status: "true")
    let error = await #expect(throws: PoolDriverError.self) {
      try await control.stop(name, act: nil, deadline: .now + .milliseconds(300))
    }
    #expect(error?.code == .timedOut)
  }
}
