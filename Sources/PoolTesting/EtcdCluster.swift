import Foundation

/// A real etcd on this machine for tests: one or several members in directories of their own. Each member can be killed,
/// stopped for a while and started again. `remove()` leaves nothing of it.
public final class EtcdCluster {
  /// One member.
  public struct Member: Hashable, Sendable {
    /// Its name: `m1` and so on.
    public var name: String
    /// Its client address, without the scheme.
    public var client: String
    /// Its peer address, a URL.
    public var peer: String
    /// Its data.
    public var data: String
  }

  /// The members, in the order of their names.
  public let members: [Member]
  /// `http` or `https`, for clients.
  public let scheme: String
  private let root: URL
  private let more: [String]
  private var processes: [String: Process] = [:]

  /// Where Debian's etcd-server puts it; `nil` where it is not installed.
  public static let program: String? = ["/usr/bin/etcd", "/usr/local/bin/etcd"].first {
    FileManager.default.isExecutableFile(atPath: $0)
  }

  /// Starts `count` members; `more` are further arguments for each.
  public init(_ count: Int = 1, scheme: String = "http", more: [String] = []) throws {
    let port = Int.random(in: 1_220..<1_240) * 20
    root = FileManager.default.temporaryDirectory.appending(path: "quorate-etcd-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
    let directory = root
    members = (1...count).map { number in
      Member(
        name: "m\(number)",
        client: "127.0.0.1:\(port + number * 2)",
        peer: "http://127.0.0.1:\(port + number * 2 + 1)",
        data: directory.appending(path: "m\(number)").path
      )
    }
    self.scheme = scheme
    self.more = more
    for member in members { try start(member.name) }
  }

  /// The client addresses as URLs.
  public var endpoints: [String] { members.map { "\(scheme)://\($0.client)" } }

  /// As a pool file names it, with that prefix.
  public func fabric(_ prefix: String) -> String {
    "etcd:\(scheme)://\(members.map(\.client).joined(separator: ","))\(prefix)"
  }

  /// Starts a member that does not run.
  public func start(_ name: String, also: [String] = []) throws {
    guard let program = Self.program, let member = members.first(where: { $0.name == name }),
      processes[name]?.isRunning != true
    else { return }
    let url = "\(scheme)://\(member.client)"
    let process = Process()
    process.executableURL = URL(filePath: program)
    process.arguments =
      [
        "--name", name, "--data-dir", member.data, "--listen-client-urls", url, "--advertise-client-urls",
        url,
        "--listen-peer-urls", member.peer, "--initial-advertise-peer-urls", member.peer, "--initial-cluster",
        members.map { "\($0.name)=\($0.peer)" }.joined(separator: ","),
      ] + more + also
    let log = "\(member.data).log"
    _ = FileManager.default.createFile(atPath: log, contents: nil)
    process.standardOutput = FileHandle(forWritingAtPath: log)
    process.standardError = process.standardOutput
    try process.run()
    processes[name] = process
  }

  /// Whether a member runs: one that found its port taken does not.
  public func isRunning(_ name: String) -> Bool { processes[name]?.isRunning ?? false }

  /// Ends a member at once, as a power cut does; its data stay.
  public func kill(_ name: String) {
    guard let process = processes.removeValue(forKey: name) else { return }
    Foundation.kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }

  /// Stops a member's process in its tracks, or lets it go on.
  public func freeze(_ name: String, _ isFrozen: Bool = true) {
    guard let process = processes[name] else { return }
    Foundation.kill(process.processIdentifier, isFrozen ? SIGSTOP : SIGCONT)
  }

  /// Forgets a member's data, for a start from nothing or from a snapshot.
  public func wipe(_ name: String) throws {
    guard let member = members.first(where: { $0.name == name }) else { return }
    try? FileManager.default.removeItem(atPath: member.data)
  }

  /// Ends all and removes their data.
  public func remove() {
    for name in processes.keys.sorted() { kill(name) }
    try? FileManager.default.removeItem(at: root)
  }

  deinit { remove() }
}
