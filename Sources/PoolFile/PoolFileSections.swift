public import PoolModel

extension PoolFile {
  /// Where the fabric is kept.
  public enum Fabric: Hashable, Sendable, CustomStringConvertible {
    /// `sqlite:PATH`: a file on this machine, absolute.
    case sqlite(path: String)
    /// `etcd:https://a:2379,b:2379/prefix`: a cluster; `endpoints` are URLs without a path.
    case etcd(endpoints: [String], prefix: String)

    /// As the pool file writes it.
    public var description: String {
      switch self {
      case .sqlite(let path): "sqlite:\(path)"
      case .etcd(let endpoints, let prefix): "etcd:\(endpoints.joined(separator: ","))\(prefix)"
      }
    }
  }

  /// Limits of the registrar (RFC 3261 section 10.3).
  public struct Registrar: Hashable, Sendable {
    /// Expiry below this is answered 423 with Min-Expires, in seconds.
    public var minExpires: Int
    /// Expiry of a contact that asks for none, in seconds.
    public var defaultExpires: Int
    /// A longer expiry is cut to this, in seconds.
    public var maxExpires: Int
    /// Contacts an address-of-record may have.
    public var maxContacts: Int
    /// Whether anybody may register as anybody although the pool has users.
    public var isOpen: Bool

    /// Limits; the defaults are the pool file's own.
    public init(
      minExpires: Int = 60,
      defaultExpires: Int = 3600,
      maxExpires: Int = 7200,
      maxContacts: Int = 32,
      isOpen: Bool = false
    ) {
      self.minExpires = minExpires
      self.defaultExpires = defaultExpires
      self.maxExpires = maxExpires
      self.maxContacts = maxContacts
      self.isOpen = isOpen
    }
  }

  /// A host and a port.
  public struct Address: Hashable, Sendable, CustomStringConvertible {
    /// An IPv4 or IPv6 address (without brackets) or a host name.
    public var host: String
    /// 1 to 65,535.
    public var port: Int

    /// An address as given.
    public init(host: String, port: Int) {
      self.host = host
      self.port = port
    }

    /// `host:port`, with brackets around an IPv6 address.
    public var description: String { host.utf8.contains(0x3A) ? "[\(host)]:\(port)" : "\(host):\(port)" }
  }

  /// One Front End server.
  public struct Server: Hashable, Sendable {
    /// `name`.
    public var name: ServerName
    /// `sip`: where it serves SIP, over UDP and TCP.
    public var sip: Address
    /// `peer`: where the other servers of the pool reach it.
    public var peer: Address
    /// `http`: health and metrics.
    public var http: Address
    /// `upgrade-domain`; its own name when the file gives none.
    public var upgradeDomain: UpgradeDomain
    /// `tls`: where it serves SIP over TLS; `nil` for nowhere.
    public var tls: TLS?
    /// `service`: who starts and stops its process.
    public var service: Service

    /// A server as described.
    public init(
      name: ServerName,
      sip: Address,
      peer: Address,
      http: Address,
      tls: TLS? = nil,
      upgradeDomain: UpgradeDomain? = nil,
      service: Service = .supervised
    ) {
      self.tls = tls
      self.name = name
      self.sip = sip
      self.peer = peer
      self.http = http
      self.upgradeDomain = upgradeDomain ?? UpgradeDomain(name.rawValue)
      self.service = service
    }
  }

  /// Where a server serves SIP over TLS, and what it shows of itself there.
  public struct TLS: Hashable, Sendable {
    /// The address.
    public var address: Address
    /// The PEM file of its certificate, absolute.
    public var certificate: String
    /// The PEM file of its private key, absolute.
    public var key: String

    /// The PEM file of the authorities that must have certified what the server connects to; `nil` for the system's.
    public var authorities: String?

    /// Settings as given.
    public init(address: Address, certificate: String, key: String, authorities: String? = nil) {
      self.address = address
      self.certificate = certificate
      self.key = key
      self.authorities = authorities
    }
  }

  /// Who starts and stops a server's process.
  public enum Service: Hashable, Sendable {
    /// `quorate pool start`: a keeper process on this machine.
    case supervised
    /// Shell commands of the operator; `status` exits 0 while the process runs.
    case commands(start: String, stop: String, status: String?)
  }
}
