import Glibc
import PoolModel

/// Finds the pool file that a command line means.
public struct PoolFileFinder: Sendable {
  /// Where relative paths count from.
  public var workingDirectory: String
  /// `$QUORATE_POOL_FILE`.
  public var environmentFile: String?
  /// Directories of `<pool>.yaml`, in order.
  public var directories: [String]

  /// A finder that looks in given places.
  public init(workingDirectory: String, environmentFile: String?, directories: [String]) {
    self.workingDirectory = workingDirectory
    self.environmentFile = environmentFile
    self.directories = directories
  }

  /// The finder of this process: its working directory, `$QUORATE_POOL_FILE`, `~/.config/quorate/pools` and
  /// `/etc/quorate/pools`.
  public static func ofThisProcess() -> Self {
    func variable(_ name: String) -> String? {
      guard let value = getenv(name) else { return nil }
      let text = String(cString: value)
      return text.isEmpty ? nil : text
    }
    let configuration = variable("XDG_CONFIG_HOME") ?? variable("HOME").map { "\($0)/.config" }
    return Self(
      workingDirectory: PoolFile.workingDirectory(),
      environmentFile: variable("QUORATE_POOL_FILE"),
      directories: [configuration.map { "\($0)/quorate/pools" }, "/etc/quorate/pools"].compactMap(\.self)
    )
  }

  /// The pool file that `pool` means: a path to one, a directory with a `pool.yaml`, or a pool's name, which is looked
  /// up in `./pool.yaml`, `$QUORATE_POOL_FILE` and `<name>.yaml` in the directories. `nil` means `./pool.yaml`, else
  /// `$QUORATE_POOL_FILE`.
  public func find(_ pool: String?) throws(PoolFileError) -> PoolFile {
    let local = PoolFile.absolute("pool.yaml", from: workingDirectory)
    guard let pool else {
      if isFile(local) { return try PoolFile.load(local) }
      if let environmentFile {
        return try PoolFile.load(PoolFile.absolute(environmentFile, from: workingDirectory))
      }
      throw PoolFileError(
        .notFound,
        path: local,
        message:
          "no pool was named and there is no pool.yaml here; name one with --pool, set QUORATE_POOL_FILE, or "
          + "write one with 'quorate init'"
      )
    }
    let path = PoolFile.absolute(pool, from: workingDirectory)
    if isFile(path) || PoolFile.isDirectory(path) { return try PoolFile.load(path) }
    return try findByName(pool, local: local)
  }

  private func findByName(_ pool: String, local: String) throws(PoolFileError) -> PoolFile {
    var looked: [String] = []
    for path in [local, environmentFile.map { PoolFile.absolute($0, from: workingDirectory) }].compactMap(
      \.self
    ) {
      looked.append(path)
      guard isFile(path) else { continue }
      let file = try PoolFile.load(path)
      if file.answers(to: pool) { return file }
    }
    let named = Names.isName(pool) ? directories.map { "\($0)/\(pool).yaml" } : []
    for path in named where isFile(path) { return try PoolFile.load(path) }
    throw PoolFileError(
      .notFound,
      path: pool,
      message: "no such pool file, and no pool of that name in \((looked + named).joined(separator: ", "))"
    )
  }

  private func isFile(_ path: String) -> Bool {
    access(path, F_OK) == 0 && !PoolFile.isDirectory(path)
  }
}

extension PoolFile {
  /// Whether `name` is this pool's: its name, or its name and domain as one fully qualified name.
  public func answers(to name: String) -> Bool {
    let name = name.lowercased()
    let own = pool.rawValue.lowercased()
    return name == own || name == "\(own).\(domain)"
  }

  /// The server that `name` means: its name, or its name and domain as one fully qualified name.
  public func serverAnswering(to name: String) -> Server? {
    servers.first { $0.name.rawValue == name }
      ?? servers.first {
        let own = $0.name.rawValue.lowercased()
        return name.lowercased() == own || name.lowercased() == "\(own).\(domain)"
      }
  }
}
