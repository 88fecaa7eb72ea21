import FabricStore
import Glibc
import PoolFile
import PoolModel

/// Which of the pool's servers a member of the store shares a host with: they go down together. A host that several of the
/// pool's servers share says nothing, no single one of them takes it down.
struct SeedPlacement: Sendable {
  private let servers: [String: ServerName]

  init(_ file: PoolFile) {
    var hosts: [String: Set<ServerName>] = [:]
    for server in file.servers {
      for address in Set([server.sip.host, server.peer.host].flatMap(Self.addresses)) {
        hosts[address, default: []].insert(server.name)
      }
    }
    servers = hosts.filter { $0.value.count == 1 }.compactMapValues(\.first)
  }

  /// The server that a member goes down with; `nil` for one that stands apart.
  func server(_ member: StoreStatus.Member) -> ServerName? {
    for address in member.hosts.flatMap(Self.addresses) {
      if let server = servers[address] { return server }
    }
    return nil
  }

  /// A host's name and its addresses.
  private static func addresses(_ host: String) -> [String] {
    var list: UnsafeMutablePointer<addrinfo>?
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    guard getaddrinfo(host, nil, &hints, &list) == 0 else { return [host] }
    defer { freeaddrinfo(list) }
    var found = [host]
    var next = list
    while let info = next {
      var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
      if getnameinfo(
        info.pointee.ai_addr,
        info.pointee.ai_addrlen,
        &text,
        socklen_t(text.count),
        nil,
        0,
        NI_NUMERICHOST
      ) == 0 {
        found.append(String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
      }
      next = info.pointee.ai_next
    }
    return found
  }
}
