import Glibc
import Subprocess
import SystemPackage

/// The one connection to a machine that all of this user's commands share (ControlMaster). It ends by itself two minutes
/// after its last use.
struct SSHConnection {
  /// Where to.
  let host: SSHHost
  /// Its socket.
  let socket: String

  init(_ host: SSHHost, directory: String) {
    self.host = host
    socket = host.controlPath(in: directory)
  }

  /// Opens it unless it is open; `nil` when it is, else why not.
  func open() async -> ActEnding? {
    if isAlive { return nil }
    // Left by a master that was killed.
    unlink(socket)
    let words = [socket] + host.options + ["--", host.destination]
    do {
      let result = try await Subprocess.run(
        .path("/bin/sh"),
        arguments: Arguments(["-c", SSHScript.open, "sh"] + words),
        input: .none,
        output: .string(limit: 65_536),
        error: .combinedWithOutput
      )
      if case .exited(0) = result.terminationStatus { return nil }
      let said = result.standardOutput
      return SSHTrouble.ending(said, on: host)
    } catch {
      if Task.isCancelled { return .cancelled }
      return .notStarted("\(error)")
    }
  }

  /// Whether somebody listens on the socket.
  private var isAlive: Bool {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(socket.utf8)
    guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { return false }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    let descriptor = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    return withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
      }
    }
  }
}

/// What ssh and sudo say when there was no shell to give a command to.
enum SSHTrouble {
  /// What that means.
  static func ending(_ said: String, on host: SSHHost) -> ActEnding {
    let lines = said.split(whereSeparator: \.isNewline).map { String($0) }
    let last = lines.last ?? "it said nothing"
    let name = host.destination
    if said.contains("REMOTE HOST IDENTIFICATION HAS CHANGED") {
      return .denied(
        "the host key of \(name) is not the one that is known: nothing was sent to it. If its key was changed on purpose,"
          + " take the old one out (ssh-keygen -R) and its new one in; else find out who answers there"
      )
    }
    if said.contains("Host key verification failed") || said.contains("host key is known for") {
      return .denied(
        "the host key of \(name) is not known: nothing was sent to it. Take it in first: ssh \(name)"
      )
    }
    if said.contains("sudo:") {
      let line = lines.first { $0.contains("sudo:") } ?? last
      return .denied("sudo on \(name) does not let the user run /bin/sh without a password (\(line))")
    }
    if said.contains("Permission denied") || said.contains("Too many authentication failures") {
      return .denied("\(name) refused the login: \(last)")
    }
    return .unreachable("\(name) was not reached over ssh: \(last)")
  }
}
