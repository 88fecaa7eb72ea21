import Glibc

/// Finds ports of 127.0.0.1 that nobody uses, for UDP and TCP.
enum FreePorts {
  /// `count` different ports out of `range`, from a random place on. Somebody else may take one before we do; then the
  /// server says so.
  static func find(_ count: Int, in range: Range<Int>) throws(DemoError) -> [Int] {
    var found: [Int] = []
    let start = Int.random(in: range)
    for offset in 0..<range.count {
      let port = range.lowerBound + (start - range.lowerBound + offset) % range.count
      if isFree(port, SOCK_DGRAM), isFree(port, SOCK_STREAM) { found.append(port) }
      if found.count == count { return found }
    }
    throw DemoError("fewer than \(count) free ports from \(range.lowerBound) to \(range.upperBound - 1)")
  }

  private static func isFree(_ port: Int, _ kind: __socket_type) -> Bool {
    let descriptor = socket(AF_INET, Int32(kind.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(UInt16(clamping: port)).bigEndian
    address.sin_addr = in_addr(s_addr: in_addr_t(0x7f00_0001).bigEndian)
    return withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
  }
}
