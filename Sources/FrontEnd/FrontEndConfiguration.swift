import FabricAgent
import PoolModel
import Registrar

/// Where a socket listens or connects to: a numeric IPv4 or IPv6 address and a port.
public struct Endpoint: Hashable, Sendable, CustomStringConvertible {
  /// The address, without brackets.
  public var host: String
  /// The port; 0 lets the system choose (tests).
  public var port: Int

  /// An endpoint.
  public init(host: String, port: Int) {
    self.host = host
    self.port = port
  }

  /// Reads `host:port` or `[v6]:port`; `nil` for anything else.
  public init?(_ text: String) {
    guard let colon = text.lastIndex(of: ":"),
      let port = Int(text[text.index(after: colon)...]), (0...65_535).contains(port)
    else { return nil }
    var host = text[..<colon]
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = host.dropFirst().dropLast()
    } else if host.contains(":") {
      return nil
    }
    guard !host.isEmpty else { return nil }
    self.init(host: String(host), port: port)
  }

  /// The host as a URI has it: an IPv6 address in brackets.
  var uriHost: String { host.contains(":") && !host.hasPrefix("[") ? "[\(host)]" : host }

  /// `host:port`, an IPv6 address in brackets.
  public var description: String { "\(uriHost):\(port)" }
}

/// What a Front End server must know to run: its own part of the pool file.
public struct FrontEndConfiguration: Sendable {
  /// Its name in the pool.
  public var server: ServerName
  /// The servers that the pool file lists, this one among them: recorded when the fabric is empty.
  public var servers: [FabricAgent.ListedServer]
  /// The pool it belongs to.
  public var pool: PoolName
  /// The SIP domain it answers for.
  public var domain: String
  /// Further hosts that a Request-URI of a REGISTER may name: those of all servers of the pool.
  public var hosts: Set<String> = []
  /// How many routing groups the pool has, when this server is the one that makes it.
  public var groups: Int
  /// The version it was built as.
  public var version: String
  /// Where it takes SIP, over UDP and TCP alike. One or more; IPv4, IPv6 or both.
  public var sip: [Endpoint]
  /// Where it takes SIP over TLS; `nil` for nowhere.
  public var tls: TLSSettings?
  /// Where it takes connections of the pool's other servers.
  public var peer: Endpoint
  /// Where it shows health, metrics and state; `nil` for nowhere.
  public var http: Endpoint?
  /// Addresses that other servers may connect from while there is no pool key.
  public var peerHosts: Set<String>
  /// Secrets that the pool's servers prove to each other, the one to prove with first; any of them is accepted, so
  /// that a key can be changed with an overlap. Empty: peers are told apart by `peerHosts` only.
  public var poolKeys: [[UInt8]]
  /// Time to live of the server's lease.
  public var leaseTTL: Duration
  /// How long its clients get to move when it goes out.
  public var drainTime: Duration
  /// How old what a replica says may be before a lookup is refused: while the fabric cannot be reached, lookups go on.
  public var maxStale: Duration = .seconds(60)
  /// Whether anybody may register as anybody although the pool has users.
  public var isOpen = false
  /// Limits on everything that comes from outside.
  public var limits: FrontEndLimits
  /// Changes further times and limits of the fabric's agent (`replicaRestartWait`, `balanceWait`, ...).
  public var tuneAgent: @Sendable (inout FabricAgent.Configuration) -> Void = { _ in }
  /// Changes what the registrar grants (`minimumExpires`, `contactsPerUser`, ...); the same on every server.
  public var tuneRegistrar: @Sendable (inout Registrar.Configuration) -> Void = { _ in }

  /// A configuration with the defaults for what a small pool leaves out.
  public init(
    server: ServerName,
    servers: [FabricAgent.ListedServer],
    pool: PoolName,
    domain: String,
    groups: Int,
    version: String,
    sip: [Endpoint],
    peer: Endpoint,
    http: Endpoint? = nil,
    peerHosts: Set<String> = ["127.0.0.1", "::1"],
    poolKeys: [[UInt8]] = [],
    leaseTTL: Duration = .seconds(2),
    drainTime: Duration = .seconds(30),
    limits: FrontEndLimits = FrontEndLimits()
  ) {
    self.server = server
    self.servers = servers
    self.pool = pool
    self.domain = domain
    self.groups = groups
    self.version = version
    self.sip = sip
    self.peer = peer
    self.http = http
    self.peerHosts = peerHosts
    self.poolKeys = poolKeys
    self.leaseTTL = leaseTTL
    self.drainTime = drainTime
    self.limits = limits
  }
}
