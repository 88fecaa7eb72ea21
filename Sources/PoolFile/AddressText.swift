import Glibc

/// Reads addresses of a pool file.
enum AddressText {
  /// `127.0.0.1:5060`, `[::1]:5060`, `host.example.com:5060`.
  static func parse(_ text: String) -> PoolFile.Address? {
    guard let colon = text.lastIndex(of: ":") else { return nil }
    let digits = text[text.index(after: colon)...]
    guard digits.utf8.allSatisfy(Names.isDigit), digits.count <= 5, let port = Int(digits),
      (1...65_535).contains(port)
    else { return nil }
    let host = text[..<colon]
    if host.hasPrefix("["), host.hasSuffix("]") {
      let inner = String(host.dropFirst().dropLast())
      return isIPv6(inner) ? PoolFile.Address(host: inner, port: port) : nil
    }
    guard Names.isHost(String(host)) else { return nil }
    // What has only digits and dots is meant as an IPv4 address, not as a host name.
    if host.utf8.allSatisfy({ Names.isDigit($0) || $0 == 0x2E }), !isIPv4(String(host)) { return nil }
    return PoolFile.Address(host: host.lowercased(), port: port)
  }

  /// `https://a:2379,b:2379/prefix`: the scheme of the first endpoint holds for all; left out, the prefix is `/quorate`.
  static func etcd(_ text: String) -> PoolFile.Fabric? {
    guard let scheme = ["https://", "http://"].first(where: { text.hasPrefix($0) }) else { return nil }
    let rest = text.dropFirst(scheme.count)
    let slash = rest.firstIndex(of: "/") ?? rest.endIndex
    let hosts = rest[..<slash].split(separator: ",", omittingEmptySubsequences: false)
    var prefix = slash == rest.endIndex ? "/quorate" : String(rest[slash...])
    while prefix.hasSuffix("/") { prefix.removeLast() }
    guard !hosts.isEmpty, hosts.count <= 32, (2...256).contains(prefix.utf8.count),
      prefix.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
    else { return nil }
    var endpoints: [String] = []
    for host in hosts {
      guard let address = parse(String(host)) else { return nil }
      endpoints.append("\(scheme)\(address)")
    }
    return .etcd(endpoints: endpoints, prefix: prefix)
  }

  private static func isIPv4(_ text: String) -> Bool {
    var address = in_addr()
    return inet_pton(AF_INET, text, &address) == 1
  }

  private static func isIPv6(_ text: String) -> Bool {
    var address = in6_addr()
    return inet_pton(AF_INET6, text, &address) == 1
  }
}
