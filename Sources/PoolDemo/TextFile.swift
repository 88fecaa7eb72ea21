import Glibc

/// The few file operations that a pool in a temporary directory needs.
enum TextFile {
  /// The whole text of a file, at most 64 MiB; `nil` when it cannot be read.
  static func read(_ path: String, from start: Int = 0) -> String? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    lseek(descriptor, start, SEEK_SET)
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while bytes.count < 64 << 20 {
      let count = Glibc.read(descriptor, &chunk, chunk.count)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { break }
      bytes.append(contentsOf: chunk[..<count])
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Writes a file anew.
  static func write(_ text: String, to path: String, mode: mode_t = 0o644) throws(DemoError) {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
    guard descriptor >= 0 else {
      throw DemoError("cannot write \(path): \(String(cString: strerror(errno)))")
    }
    defer { close(descriptor) }
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw DemoError("cannot write \(path): \(String(cString: strerror(errno)))") }
      rest = rest.dropFirst(count)
    }
  }

  /// Makes a directory and those above it.
  static func makeDirectories(_ path: String) throws(DemoError) {
    var made = ""
    for part in path.split(separator: "/") {
      made += "/\(part)"
      guard mkdir(made, 0o755) == 0 || errno == EEXIST else {
        throw DemoError("cannot make the directory \(made): \(String(cString: strerror(errno)))")
      }
    }
  }

  /// Names in a directory.
  static func list(_ path: String) -> [String] {
    guard let directory = opendir(path) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names
  }

  /// Removes a directory and all that is in it; links are removed and not followed.
  static func remove(_ path: String) {
    var status = stat()
    guard lstat(path, &status) == 0 else { return }
    if status.st_mode & S_IFMT == S_IFDIR {
      for name in list(path) { remove("\(path)/\(name)") }
      rmdir(path)
    } else {
      unlink(path)
    }
  }

  /// A hard link where the file system can, else a copy: a program is large, and a pool has several of it.
  static func linkOrCopy(_ source: String, to target: String) throws(DemoError) {
    unlink(target)
    if link(source, target) == 0 { return }
    let input = open(source, O_RDONLY | O_CLOEXEC)
    guard input >= 0 else { throw DemoError("cannot read \(source): \(String(cString: strerror(errno)))") }
    defer { close(input) }
    let output = open(target, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o755)
    guard output >= 0 else { throw DemoError("cannot write \(target): \(String(cString: strerror(errno)))") }
    defer { close(output) }
    var status = stat()
    fstat(input, &status)
    var rest = Int(status.st_size)
    while rest > 0 {
      let count = sendfile(output, input, nil, min(rest, 1 << 24))
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw DemoError("cannot copy \(source): \(String(cString: strerror(errno)))") }
      rest -= count
    }
  }
}
