import FabricAgent
import FrontEnd
import Glibc
import PatchRun
import PoolFile
import PoolModel
import Registrar

/// What a Front End server must know, out of the pool file.
struct FrontEndSettings {
  let file: PoolFile
  let server: ServerName

  init(_ file: PoolFile, _ server: ServerName) {
    self.file = file
    self.server = server
  }

  func configuration() throws(CommandFailure) -> FrontEndConfiguration {
    guard let own = file.server(server) else {
      throw CommandFailure(.usage, "\(file.path) has no server '\(server)'")
    }
    var peerHosts: Set<String> = []
    for server in file.servers { peerHosts.insert(try Self.numeric(server.peer).host) }
    var configuration = FrontEndConfiguration(
      server: server,
      servers: file.servers.map {
        FabricAgent.ListedServer(name: $0.name, upgradeDomain: $0.upgradeDomain)
      },
      pool: file.pool,
      domain: file.domain,
      groups: file.groups,
      version: QuorateProgram.version,
      sip: [try Self.numeric(own.sip)],
      peer: try Self.numeric(own.peer),
      http: try Self.numeric(own.http),
      peerHosts: peerHosts,
      leaseTTL: file.leaseTTL,
      drainTime: file.drainTime
    )
    if let tls = own.tls {
      configuration.tls = TLSSettings(
        address: try Self.numeric(tls.address),
        certificate: tls.certificate,
        key: tls.key,
        authorities: tls.authorities
      )
    }
    if let poolKey = file.poolKey {
      do throws(FrontEndError) {
        configuration.poolKeys = try PoolKeyFile.read(poolKey)
      } catch {
        throw CommandFailure(error, server: server)
      }
    }
    configuration.isOpen = file.registrar.isOpen
    configuration.hosts = Set(file.servers.map(\.sip.host))
    let wait = file.replicaRestartWait
    configuration.tuneAgent = { $0.replicaRestartWait = wait }
    let limits = file.registrar
    configuration.tuneRegistrar = { registrar in
      registrar.minimumExpires = UInt32(clamping: limits.minExpires)
      registrar.defaultExpires = UInt32(clamping: limits.defaultExpires)
      registrar.maximumExpires = UInt32(clamping: limits.maxExpires)
      registrar.contactsPerUser = limits.maxContacts
    }
    return configuration
  }

  /// An address with its host as a number: what a socket takes.
  static func numeric(_ address: PoolFile.Address) throws(CommandFailure) -> Endpoint {
    var list: UnsafeMutablePointer<addrinfo>?
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_DGRAM.rawValue)
    let result = getaddrinfo(address.host, nil, &hints, &list)
    defer { if let list { freeaddrinfo(list) } }
    guard result == 0, let first = list else {
      throw CommandFailure(
        .unreachable,
        "the host '\(address.host)' is not known: \(String(cString: gai_strerror(result)))"
      )
    }
    var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
    guard
      getnameinfo(
        first.pointee.ai_addr,
        first.pointee.ai_addrlen,
        &text,
        socklen_t(text.count),
        nil,
        0,
        NI_NUMERICHOST
      ) == 0
    else { throw CommandFailure(.unreachable, "the host '\(address.host)' has no address") }
    let host = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return Endpoint(host: host, port: address.port)
  }
}
