import Foundation

/// Where an etcd store is and how it is spoken to.
public struct EtcdConfiguration: Sendable {
  /// A user of etcd's own authentication.
  public struct User: Hashable, Sendable {
    /// The user's name.
    public var name: String
    /// The file whose first line is the password; only its owner may read it.
    public var passwordFile: String

    /// A user.
    public init(name: String, passwordFile: String) {
      self.name = name
      self.passwordFile = passwordFile
    }
  }

  /// The files of TLS, all PEM.
  public struct TLS: Hashable, Sendable {
    /// The authorities that the members' certificates are checked against; the system's when `nil`.
    public var authority: String?
    /// Our own certificate and its key, which only its owner may read; `nil` to show none.
    public var own: Own?

    /// A certificate and its key.
    public struct Own: Hashable, Sendable {
      /// The certificate, those that issued it behind it.
      public var certificate: String
      /// The key.
      public var key: String

      /// A pair of files.
      public init(certificate: String, key: String) {
        self.certificate = certificate
        self.key = key
      }
    }

    /// Files; none by default.
    public init(authority: String? = nil, own: Own? = nil) {
      self.authority = authority
      self.own = own
    }
  }

  /// Base addresses of the members' client ports: `https://a:2379`. At least one; tried in turn.
  public var endpoints: [String]
  /// What every key begins with, without a slash at its end: `/quorate/demo`.
  public var prefix: String
  /// Who we are to etcd's own authentication.
  public var user: User?
  /// The files of TLS.
  public var tls: TLS
  /// How long one member may take for one call, before the next is asked.
  public var timeout: Duration
  /// Whether a prefix that holds no fabric yet becomes one; only a server's own start wants that.
  public var mayCreate: Bool
  /// How many operations the server takes in one transaction: its `--max-txn-ops`.
  public var maximumOperations: Int
  /// How long history is kept before this store compacts it, in the background; `nil` leaves that to others.
  public var history: Duration?
  /// Whether a fabric that was brought in only in part may be opened: by who brings it in.
  var mayBePartial = false
  /// Which endpoint is asked first: the one on this host, if there is one.
  public var preferredEndpoint = 0

  /// How long a member may take for a call that is worthless when late.
  static let briefTimeout = Duration.milliseconds(600)

  /// The host of an endpoint.
  public static func host(of endpoint: String) -> String? {
    URL(string: endpoint)?.host(percentEncoded: false)
  }

  /// A configuration; see the properties.
  public init(
    endpoints: [String],
    prefix: String,
    user: User? = nil,
    tls: TLS = TLS(),
    timeout: Duration = .seconds(2),
    mayCreate: Bool = true,
    maximumOperations: Int = 128
  ) {
    self.endpoints = endpoints
    self.prefix = prefix
    self.user = user
    self.tls = tls
    self.timeout = timeout
    self.mayCreate = mayCreate
    self.maximumOperations = maximumOperations
  }
}
