import Foundation
import PoolDemo
import SIPClient
import Testing

/// SIPp holding many registered endpoints, each of which knows all servers of a pool (sipp/endpoint.xml).
final class SIPpEndpoints {
  /// What SIPp counted.
  struct Counters {
    /// Registrations that ended with 200.
    var successes = 0
    /// Registrations that failed.
    var failures = 0
    /// First send to success, the longest, in milliseconds.
    var longestGap = 0.0
    /// The exit code: 0 when every call succeeded.
    var exitCode: Int32 = -1
  }

  let prefix: String
  let count: Int
  let port: Int
  private let directory: String
  private let process: SpawnedCommand

  /// Starts SIPp; the endpoints register within the first two and a half seconds.
  init(_ count: Int, of pool: PoolSandbox, prefix: String = "s", beginningAt servers: [Int]? = nil) throws {
    self.prefix = prefix
    self.count = count
    port = 22_900 + Int.random(in: 0..<90)
    directory = "\(pool.root)/sipp-\(prefix)"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    let indices = servers ?? Array(pool.servers.indices)
    var users = "USER\n"
    for user in 0..<count {
      users += "\(Self.name(prefix, user));\(pool.layout.domain);\(indices[user % indices.count])\n"
    }
    try users.write(toFile: "\(directory)/users.csv", atomically: false, encoding: .utf8)
    var arguments = [
      "-c", "cd \"$0\" && exec sipp \"$@\"", directory, "-sf", TestPrograms.file("sipp/endpoint.xml"), "-inf",
      "users.csv",
      "-users", "\(count)", "-t", "u1", "-nd", "-pause_msg_ign", "-set", "servers", "\(pool.servers.count)",
    ]
    for place in 0..<5 {
      arguments += ["-key", "p\(place)", "\(pool.servers[place % pool.servers.count].sip)"]
    }
    arguments += [
      "-i", "127.0.0.1", "-p", "\(port)", "-nostdin", "-trace_stat", "-stf", "stat.csv", "-fd", "1",
      "-trace_rtt",
      "-rtt_freq", "1", "-trace_err", "-error_file", "errors.log", "127.0.0.1:\(pool.servers[0].sip)",
    ]
    process = try SpawnedCommand("/bin/sh", arguments, logs: pool.logs, tag: "sipp-\(prefix)")
  }

  static func name(_ prefix: String, _ user: Int) -> String {
    prefix + String(repeating: "0", count: max(0, 6 - String(user).count)) + String(user)
  }

  /// What it has counted so far.
  func counters() -> Counters {
    var counters = Counters()
    guard let text = try? String(contentsOfFile: "\(directory)/stat.csv", encoding: .utf8) else {
      return counters
    }
    let lines = text.split(separator: "\n")
    guard lines.count > 1, let last = lines.last else { return counters }
    let names = lines[0].split(separator: ";", omittingEmptySubsequences: false)
    let values = last.split(separator: ";", omittingEmptySubsequences: false)
    func value(_ name: String) -> Int {
      names.firstIndex { $0 == name }.flatMap { values.indices.contains($0) ? Int(values[$0]) : nil } ?? 0
    }
    counters.successes = value("SuccessfulCall(C)")
    counters.failures = value("FailedCall(C)")
    return counters
  }

  /// Waits until that many registrations succeeded.
  func waitForSuccesses(_ wanted: Int, within timeout: Duration = .seconds(20)) async throws {
    let deadline = ContinuousClock.now + timeout
    while counters().successes < wanted {
      try #require(ContinuousClock.now < deadline, "SIPp: \(counters()) instead of \(wanted) successes")
      try await Task.sleep(for: .milliseconds(200))
    }
  }

  /// Ends it softly: no new registrations, those on their way are finished.
  func stop() async -> Counters {
    process.signal(SIGUSR1)
    let result = await process.end(within: .seconds(90))
    var counters = counters()
    counters.exitCode = result.exitCode
    let logs = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
    for name in logs where name.hasSuffix("_rtt.csv") {
      let text = (try? String(contentsOfFile: "\(directory)/\(name)", encoding: .utf8)) ?? ""
      for line in text.split(separator: "\n").dropFirst() {
        let fields = line.split(separator: ";")
        if fields.count > 1, let gap = Double(fields[1]) {
          counters.longestGap = max(counters.longestGap, gap)
        }
      }
    }
    return counters
  }

  /// Ends it at once.
  func kill() { process.signal(SIGKILL) }

  /// The users whose binding is not there, as the pool's servers say.
  func missing(in pool: PoolSandbox) async throws -> [String] {
    var missing: [String] = []
    try await withUsers(count, of: pool, prefix: prefix) { client in
      for listed in await client.list() {
        let name = Self.name(prefix, listed.user)
        let own = "sip:\(name)@127.0.0.1:\(port)"
        if listed.contacts?.contains(where: { $0.uri == own && ($0.expires ?? 0) > 500 }) != true {
          missing.append(
            "\(name): \(listed.contacts.map { "\($0)" } ?? "\(listed.failure.map { "\($0)" } ?? "?")")"
          )
        }
      }
    }
    return missing
  }
}
