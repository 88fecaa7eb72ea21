import Glibc

/// A server's machine as it is reached over OpenSSH. Host keys are always checked, and nobody is asked anything.
public struct SSHHost: Hashable, Sendable {
  /// Where to: `user@host`, a host, or a name of the user's own ssh configuration.
  public var destination: String
  /// The port; `nil` for what the user's configuration says.
  public var port: Int?
  /// The private key's file; `nil` for what the user's configuration and agent have.
  public var identity: String?
  /// A configuration file in place of the user's own.
  public var configuration: String?
  /// Whether commands run as root, by a sudo that asks for nothing.
  public var sudo: Bool
  /// The directory there that holds the fences. All operators must share it.
  public var stateDirectory: String
  /// Where commands run; `nil` for the user's home.
  public var directory: String?

  /// A machine.
  public init(
    destination: String,
    port: Int? = nil,
    identity: String? = nil,
    configuration: String? = nil,
    sudo: Bool = false,
    stateDirectory: String = "/var/lib/quorate",
    directory: String? = nil
  ) {
    self.destination = destination
    self.port = port
    self.identity = identity
    self.configuration = configuration
    self.sudo = sudo
    self.stateDirectory = stateDirectory
    self.directory = directory
  }

  /// The shared connection's socket, in a directory of this user alone.
  func controlPath(in directory: String) -> String {
    // FNV-1a: a name that is the same in every process of this user and short enough for a socket's address.
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for part in [destination, port.map { "\($0)" } ?? "", identity ?? "", configuration ?? ""] {
      for byte in part.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
      hash = hash &* 0x100_0000_01B3
    }
    return "\(directory)/\(String(hash, radix: 36))"
  }

  /// What every call of ssh is given, besides the socket.
  var options: [String] {
    var words = configuration.map { ["-F", $0] } ?? []
    if let port { words += ["-p", "\(port)"] }
    if let identity { words += ["-i", identity] }
    for option in [
      "BatchMode=yes", "StrictHostKeyChecking=yes", "ConnectTimeout=10", "ServerAliveInterval=5",
      "ServerAliveCountMax=3", "ClearAllForwardings=yes", "ForwardX11=no", "RequestTTY=no",
      "RemoteCommand=none", "PermitLocalCommand=no", "LogLevel=ERROR",
    ] { words += ["-o", option] }
    return words
  }
}

/// Where the sockets of shared connections are: a directory that belongs to this user and that nobody else can enter.
enum ControlDirectory {
  /// Makes it if need be; `nil`, with the reason, when there is none that can be trusted.
  static func path() -> Result<String, ControlDirectoryError> {
    let run = getenv("XDG_RUNTIME_DIR").map { String(cString: $0) } ?? ""
    // A socket's address has 108 bytes.
    let base = run.hasPrefix("/") && run.utf8.count < 60 ? run : "/tmp"
    let path = "\(base)/quorate-ssh-\(getuid())"
    var status = stat()
    if mkdir(path, 0o700) != 0, errno != EEXIST { return .failure(ControlDirectoryError(path)) }
    guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR, status.st_uid == getuid(),
      status.st_mode & 0o077 == 0
    else { return .failure(ControlDirectoryError(path)) }
    return .success(path)
  }
}

/// There is no private directory for sockets.
struct ControlDirectoryError: Error {
  let text: String

  init(_ path: String) { text = "\(path) is not a directory of this user's alone (mode 0700); remove it" }
}
