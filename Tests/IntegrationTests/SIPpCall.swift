import Foundation
import PoolDemo
import Synchronization
import Testing

/// One SIPp process that plays one end of a call, by a scenario of sipp/ in which words may be replaced.
final class SIPpCall {
  let port: Int
  private let process: SpawnedCommand
  private let directory: String
  private static let lastPort = Mutex(23_000 + Int.random(in: 0..<400))

  /// Starts it.
  /// - Parameters:
  ///   - server: the SIP port that it sends to; `nil` for one that waits to be called.
  ///   - keys: values of `-key`.
  ///   - words: what `@WORD@` becomes.
  init(
    _ scenario: String,
    of pool: PoolSandbox,
    server: Int? = nil,
    stream: Bool = false,
    keys: [String: String] = [:],
    words: [String: String] = [:]
  ) throws {
    let port = Self.newPort()
    self.port = port
    directory = "\(pool.root)/sipp-\(scenario)-\(port)-\(stream ? "t" : "u")"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    var text = try String(contentsOfFile: TestPrograms.file("sipp/\(scenario).xml"), encoding: .utf8)
    for (word, value) in words { text = text.replacingOccurrences(of: "@\(word)@", with: value) }
    try text.write(toFile: "\(directory)/scenario.xml", atomically: false, encoding: .utf8)
    var arguments = [
      "-c", "cd \"$0\" && exec sipp \"$@\"", directory, "-sf", "scenario.xml", "-m", "1", "-nostdin",
      "-t", stream ? "t1" : "u1", "-i", "127.0.0.1", "-p", "\(port)", "-timeout", "40s", "-timeout_error",
      "-trace_err", "-error_file", "errors.log", "-trace_msg", "-message_file", "messages.log",
    ]
    for (key, value) in keys { arguments += ["-key", key, value] }
    if let server { arguments.append("127.0.0.1:\(server)") }
    process = try SpawnedCommand("/bin/sh", arguments, logs: pool.logs, tag: "sipp-\(scenario)-\(port)")
  }

  /// Waits for its end and expects that all went by the scenario.
  func succeeds(within time: Duration = .seconds(45)) async throws {
    let result = await process.end(within: time)
    let messages =
      (try? String(contentsOfFile: "\(directory)/messages.log", encoding: .utf8)) ?? "no messages"
    let errors = (try? String(contentsOfFile: "\(directory)/errors.log", encoding: .utf8)) ?? ""
    try #require(result.exitCode == 0, "\(directory): \(errors)\n\(messages.suffix(6_000))")
  }

  /// Ends it at once.
  func kill() { process.signal(SIGKILL) }

  /// What it sent and got.
  var messages: String { (try? String(contentsOfFile: "\(directory)/messages.log", encoding: .utf8)) ?? "" }

  /// Registers a contact at a server and waits for that.
  static func register(
    _ user: String,
    _ contact: String,
    of pool: PoolSandbox,
    server: Int,
    stream: Bool = false
  ) async throws {
    try await SIPpCall(
      "register",
      of: pool,
      server: server,
      stream: stream,
      keys: ["user": user, "domain": pool.layout.domain, "contact": contact]
    )
    .succeeds()
  }

  /// A port that no other end of this test run has.
  static func newPort() -> Int {
    lastPort.withLock { last in
      last += 1
      return last
    }
  }
}
