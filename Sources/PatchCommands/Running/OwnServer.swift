import Glibc
import PoolFile
import PoolModel

/// Finds out whether one of a pool's servers is the very machine that a command runs on: a run hands that one over last,
/// and never reboots it.
enum OwnServer {
  /// The one server whose SIP address is an address of this machine that others reach; `nil` when none is, or when
  /// several are, as in a pool that is all on one machine.
  static func find(_ file: PoolFile, addresses: Set<String> = ownAddresses()) -> ServerName? {
    let own = file.servers.filter { addresses.contains($0.sip.host) }
    return own.count == 1 ? own.first?.name : nil
  }

  /// The addresses of this machine's interfaces, without those that only it reaches.
  static func ownAddresses() -> Set<String> {
    var list: UnsafeMutablePointer<ifaddrs>?
    guard getifaddrs(&list) == 0 else { return [] }
    defer { freeifaddrs(list) }
    var found: Set<String> = []
    var next = list
    while let entry = next?.pointee {
      next = entry.ifa_next
      guard let address = entry.ifa_addr, entry.ifa_flags & UInt32(IFF_LOOPBACK) == 0 else {
        continue
      }
      let family = Int32(address.pointee.sa_family)
      guard family == AF_INET || family == AF_INET6 else { continue }
      let size = family == AF_INET ? MemoryLayout<sockaddr_in>.size : MemoryLayout<sockaddr_in6>.size
      var host = [CChar](repeating: 0, count: Int(NI_MAXHOST))
      guard getnameinfo(address, socklen_t(size), &host, socklen_t(host.count), nil, 0, NI_NUMERICHOST) == 0
      else { continue }
      let text = String(decoding: host.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      // A link-local address comes with its interface, which no pool file names.
      found.insert(String(text.prefix { $0 != "%" }))
    }
    return found
  }
}
