import Glibc

extension PoolFile {
  /// Most bytes a pool file may have.
  public static let sizeLimit = 1 << 20

  /// Reads and checks the pool file at `path`, or `pool.yaml` in the directory `path`. Throws every problem of the file
  /// at once.
  public static func load(_ path: String) throws(PoolFileError) -> PoolFile {
    var place = absolute(path, from: workingDirectory())
    if isDirectory(place) { place += "/pool.yaml" }
    return try parse(try read(place), path: place)
  }

  /// Checks the text of a pool file.
  /// - Parameter path: where it would be: relative paths in it count from there, and errors name it.
  public static func parse(_ text: String, path: String) throws(PoolFileError) -> PoolFile {
    var reader = PoolFileReader(path: path)
    return try reader.read(text)
  }

  static func read(_ path: String) throws(PoolFileError) -> String {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      let missing = errno == ENOENT || errno == ENOTDIR
      let reason = String(cString: strerror(errno))
      throw PoolFileError(
        missing ? .notFound : .unreadable,
        path: path,
        message: missing
          ? "no such pool file; name one, or write one with 'quorate init'"
          : "cannot be read: \(reason)"
      )
    }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while bytes.count <= sizeLimit {
      let count = Glibc.read(descriptor, &chunk, chunk.count)
      if count == 0 { break }
      guard count > 0 else {
        if errno == EINTR { continue }
        throw PoolFileError(
          .unreadable,
          path: path,
          message: "cannot be read: \(String(cString: strerror(errno)))"
        )
      }
      bytes.append(contentsOf: chunk[..<count])
    }
    guard bytes.count <= sizeLimit else {
      throw PoolFileError(.unreadable, path: path, message: "is larger than 1 MiB, so it is no pool file")
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw PoolFileError(.unreadable, path: path, message: "is not UTF-8 text; save it as UTF-8")
    }
    return text
  }

  /// `path` counted from `base`, without a `.` or a doubled slash; `..` stays, since what it follows may be a link.
  static func absolute(_ path: String, from base: String) -> String {
    let whole = path.hasPrefix("/") ? path : "\(base)/\(path)"
    return "/" + whole.split(separator: "/").filter { $0 != "." }.joined(separator: "/")
  }

  /// The directory that relative paths of a command line count from, absolute.
  public static func workingDirectory() -> String {
    guard let name = getcwd(nil, 0) else { return "/" }
    defer { free(name) }
    return String(cString: name)
  }

  static func isDirectory(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && (status.st_mode & S_IFMT) == S_IFDIR
  }
}
