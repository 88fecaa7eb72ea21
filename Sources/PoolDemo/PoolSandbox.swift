import Glibc
public import SIPClient

/// A pool in a temporary directory of its own, on free ports of this machine, run by the real programs: what the demo
/// shows and what the integration tests and benchmarks measure. `remove()` leaves nothing of it.
public final class PoolSandbox: Sendable {
  /// The two programs, of two releases.
  public struct Programs: Hashable, Sendable {
    /// The program that the pool starts with, and whose commands are used.
    public var quorate: String
    /// The next release.
    public var next: String

    /// Programs at these paths.
    public init(quorate: String, next: String) {
      self.quorate = quorate
      self.next = next
    }

    /// The running program, or the one of another name beside it, and the `quorate-next` there.
    public static func besideRunning(named name: String? = nil) throws(DemoError) -> Programs {
      var bytes = [CChar](repeating: 0, count: 4096)
      let count = readlink("/proc/self/exe", &bytes, bytes.count)
      guard count > 0 else { throw DemoError("cannot read /proc/self/exe") }
      let own = String(decoding: bytes.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
      guard let name else { return try beside(own) }
      return try beside(directory(of: own) + "/\(name)")
    }

    /// The program `own` and the `quorate-next` beside it.
    public static func beside(_ own: String) throws(DemoError) -> Programs {
      let programs = Programs(quorate: own, next: directory(of: own) + "/quorate-next")
      guard access(programs.next, X_OK) == 0 else {
        throw DemoError(
          "there is no \(programs.next), the release to patch to; build it: swift build -c release --product quorate-next"
        )
      }
      return programs
    }

    private static func directory(of path: String) -> String {
      path.split(separator: "/").dropLast().map { "/\($0)" }.joined()
    }
  }

  /// What the pool is like.
  public struct Layout: Sendable {
    /// The pool's name.
    public var name = "demo"
    /// How many servers, `fe1` and so on.
    public var servers = 3
    /// How many routing groups.
    public var groups = 24
    /// `fabric`: where the pool keeps its truth.
    public var fabric = "sqlite:fabric.db"
    /// The SIP domain.
    public var domain = "demo.test"
    /// `drain-time`.
    public var drainTime = "3s"
    /// Lines added at the top level of the pool file.
    public var more: [String] = []
    /// The shell command that patches one server; `nil` for the one that installs the next release.
    public var apply: String?
    /// Lines added to the patch section.
    public var patchMore: [String] = []
    /// Where free ports are looked for.
    public var ports: Range<Int> = 25_000..<32_000

    /// Three servers and 24 groups.
    public init() {}
  }

  /// One server's place.
  public struct Server: Hashable, Sendable {
    /// `fe1` and so on.
    public var name: String
    /// The SIP port.
    public var sip: Int
    /// The port for its peers.
    public var peer: Int
    /// The port for health and metrics.
    public var http: Int
  }

  /// The directory that holds everything.
  public let root: String
  /// The programs.
  public let programs: Programs
  /// What it is like.
  public let layout: Layout
  /// Its servers.
  public let servers: [Server]
  /// The version of `programs.quorate`.
  public let version: String
  /// The version of `programs.next`.
  public let nextVersion: String

  /// The pool file.
  public var poolFile: String { "\(root)/pool.yaml" }
  /// The fabric file.
  public var fabric: String { "\(root)/fabric.db" }
  /// Where the output of commands goes.
  public var logs: String { "\(root)/logs" }
  /// The servers as SIP clients know them.
  public var endpoints: [ServerEndpoint] {
    servers.map { ServerEndpoint(name: $0.name, host: "127.0.0.1", port: $0.sip) }
  }

  private init(
    root: String,
    programs: Programs,
    layout: Layout,
    servers: [Server],
    version: String,
    nextVersion: String
  ) {
    self.root = root
    self.programs = programs
    self.layout = layout
    self.servers = servers
    self.version = version
    self.nextVersion = nextVersion
  }

  /// Makes the directory, the pool file and the release directories; starts nothing.
  public static func make(_ layout: Layout, programs: Programs) async throws(DemoError) -> PoolSandbox {
    var template = Array("/tmp/quorate-\(layout.name)-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else {
      throw DemoError("cannot make a directory in /tmp: \(String(cString: strerror(errno)))")
    }
    let root = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    do throws(DemoError) {
      try TextFile.makeDirectories("\(root)/logs")
      let version = try await Self.version(of: programs.quorate, logs: "\(root)/logs")
      let next = try await Self.version(of: programs.next, logs: "\(root)/logs")
      var ports = try FreePorts.find(layout.servers * 3, in: layout.ports)[...]
      let servers = (1...layout.servers).map { number in
        Server(
          name: "fe\(number)",
          sip: ports.removeFirst(),
          peer: ports.removeFirst(),
          http: ports.removeFirst()
        )
      }
      let sandbox = PoolSandbox(
        root: root,
        programs: programs,
        layout: layout,
        servers: servers,
        version: version,
        nextVersion: next
      )
      try sandbox.install()
      return sandbox
    } catch {
      TextFile.remove(root)
      throw error
    }
  }

  /// The version that a program says it is.
  static func version(of program: String, logs: String) async throws(DemoError) -> String {
    let result = try await SpawnedCommand(program, ["--version"], logs: logs, tag: "version").end(
      within: .seconds(20)
    )
    let words = result.output.split { $0 == " " || $0 == "\n" }
    guard result.exitCode == 0, let version = words.first(where: { $0.first?.isNumber == true }) else {
      throw DemoError("\(program) --version does not say a version:\n\(result.description)")
    }
    return String(version)
  }

  // MARK: - Files

  /// The directory of a server.
  public func directory(of server: String) -> String { "\(root)/servers/\(server)" }

  private func install() throws(DemoError) {
    try TextFile.makeDirectories("\(root)/releases/\(nextVersion)")
    try TextFile.linkOrCopy(programs.next, to: "\(root)/releases/\(nextVersion)/quorate")
    try TextFile.makeDirectories("\(root)/releases/\(version)")
    try TextFile.linkOrCopy(programs.quorate, to: "\(root)/releases/\(version)/quorate")
    for server in servers {
      let release = "\(directory(of: server.name))/releases/\(version)"
      try TextFile.makeDirectories(release)
      try TextFile.linkOrCopy("\(root)/releases/\(version)/quorate", to: "\(release)/quorate")
      let current = "\(directory(of: server.name))/current"
      guard symlink("releases/\(version)", current) == 0 else {
        throw DemoError("cannot link \(current): \(String(cString: strerror(errno)))")
      }
    }
    try TextFile.write(Self.applyScript, to: "\(root)/install-release.sh", mode: 0o755)
    try writePoolFile()
  }

  /// Writes the pool file, anew where it is there.
  public func writePoolFile(apply: String? = nil, target: String? = nil) throws(DemoError) {
    var lines = [
      "pool: \(layout.name)", "domain: \(layout.domain)", "fabric: \(layout.fabric)", "root: .",
      "groups: \(layout.groups)", "drain-time: \(layout.drainTime)",
    ]
    lines += layout.more
    lines.append("servers:")
    for server in servers {
      lines.append(
        "  - {name: \(server.name), sip: \"127.0.0.1:\(server.sip)\", peer: \"127.0.0.1:\(server.peer)\", "
          + "http: \"127.0.0.1:\(server.http)\"}"
      )
    }
    let command = apply ?? layout.apply ?? "\(root)/install-release.sh"
    lines += ["patch:", "  target: \"\(target ?? nextVersion)\"", "  apply: '\(command)'"]
    lines += layout.patchMore.map { "  \($0)" }
    try TextFile.write(lines.joined(separator: "\n") + "\n", to: poolFile)
  }

  /// What patches one server: what a package would do, in four lines.
  private static let applyScript = """
    #!/bin/sh
    # Installs a release beside the one that is there and switches to it. Run by 'quorate patch' on a stopped server.
    set -eu
    pool=$(dirname "$0")
    release="releases/$QUORATE_TARGET_VERSION"
    mkdir -p "$QUORATE_SERVER_DIR/$release"
    cp -fl "$pool/$release/quorate" "$QUORATE_SERVER_DIR/$release/quorate" 2> /dev/null ||
      cp -f "$pool/$release/quorate" "$QUORATE_SERVER_DIR/$release/quorate"
    ln -sfn "$release" "$QUORATE_SERVER_DIR/current.new"
    mv -T "$QUORATE_SERVER_DIR/current.new" "$QUORATE_SERVER_DIR/current"
    echo "installed $release"

    """
}
