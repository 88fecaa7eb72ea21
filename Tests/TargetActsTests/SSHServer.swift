import Foundation

@testable import TargetActs

/// A real sshd of the test's own, on a free port of the loopback, with its own keys and configuration. Nothing of the
/// machine's own ssh is read or written.
final class SSHServer {
  let directory: String
  let port: Int
  private let process: Process

  /// Starts it. `bin` in its directory goes in front of the PATH of what it starts.
  init() throws {
    directory = "/tmp/quorate-sshd-\(UUID().uuidString.prefix(8))"
    try FileManager.default.createDirectory(atPath: directory + "/bin", withIntermediateDirectories: true)
    port = try Self.freePort()
    for name in ["host", "user", "stranger"] {
      try Self.run("/usr/bin/ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", "\(directory)/\(name)"])
    }
    let path = "\(directory)/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    try """
    Port \(port)
    ListenAddress 127.0.0.1
    HostKey \(directory)/host
    AuthorizedKeysFile \(directory)/user.pub
    StrictModes no
    UsePAM no
    PasswordAuthentication no
    KbdInteractiveAuthentication no
    PermitRootLogin yes
    PidFile none
    SetEnv SHLVL=2 PATH=\(path)
    """.write(toFile: directory + "/sshd_config", atomically: true, encoding: .utf8)
    try FileManager.default.createDirectory(atPath: "/run/sshd", withIntermediateDirectories: true)
    process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/sbin/sshd")
    process.arguments = ["-D", "-f", directory + "/sshd_config", "-E", directory + "/log"]
    try process.run()
    try know(key: "host")
    try configure(identity: "user")
    for _ in 0..<200 where !log.contains("Server listening") { usleep(20_000) }
  }

  /// Writes down which key the client takes for the host's; `nil` for none.
  func know(key: String?) throws {
    var text = ""
    if let key {
      text = "[127.0.0.1]:\(port) " + (try String(contentsOfFile: "\(directory)/\(key).pub", encoding: .utf8))
    }
    try text.write(toFile: directory + "/known", atomically: true, encoding: .utf8)
  }

  /// Writes the client's configuration.
  func configure(identity: String, port: Int? = nil) throws {
    try """
    Host target
      HostName 127.0.0.1
      Port \(port ?? self.port)
      User root
      IdentityFile \(directory)/\(identity)
      IdentitiesOnly yes
      UserKnownHostsFile \(directory)/known
      GlobalKnownHostsFile /dev/null
    """.write(toFile: directory + "/config", atomically: true, encoding: .utf8)
  }

  /// What its log says.
  var log: String { (try? String(contentsOfFile: directory + "/log", encoding: .utf8)) ?? "" }

  /// The machine behind it.
  var host: SSHHost {
    SSHHost(
      destination: "target",
      configuration: directory + "/config",
      stateDirectory: directory + "/state"
    )
  }

  /// Puts a program in front of the machine's own.
  func install(_ name: String, _ script: String) throws {
    try script.write(toFile: "\(directory)/bin/\(name)", atomically: true, encoding: .utf8)
    chmod("\(directory)/bin/\(name)", 0o755)
  }

  /// Ends it, and the shared connection.
  func stop() {
    if case .success(let sockets) = ControlDirectory.path() {
      try? Self.run(
        "/usr/bin/ssh",
        ["-F", directory + "/config", "-S", host.controlPath(in: sockets), "-O", "exit", "target"]
      )
    }
    kill(process.processIdentifier, SIGKILL)
    try? FileManager.default.removeItem(atPath: directory)
  }

  static func freePort() throws -> Int {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        _ = bind(descriptor, $0, size)
        _ = getsockname(descriptor, $0, &size)
      }
    }
    return Int(UInt16(bigEndian: address.sin_port))
  }

  /// Not by Foundation's Process, whose wait never ends beside swift-subprocess.
  private static func run(_ program: String, _ arguments: [String]) throws {
    let words = ([program] + arguments).map { "'\($0)'" }
    _ = system(words.joined(separator: " ") + " 2>/dev/null")
  }
}
