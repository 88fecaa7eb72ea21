import FabricStore

/// Where an etcd store is and how it is spoken to.
public struct EtcdConfiguration: Sendable {
  /// Base addresses of the members' client ports: `https://a:2379`. At least one; tried in turn.
  public var endpoints: [String]
  /// What every key begins with, without a slash at its end: `/quorate/demo`.
  public var prefix: String
  /// User and password of etcd's own authentication.
  public var credentials: (user: String, password: String)?
  /// PEM file of the authorities that the members' certificates are checked against; the system's when `nil`.
  public var authorityFile: String?
  /// PEM files of our own certificate and key.
  public var clientCertificate: (certificateFile: String, keyFile: String)?
  /// How long one call may take.
  public var timeout: Duration
  /// Whether a prefix that holds no fabric yet becomes one; only a server's own start wants that.
  public var mayCreate: Bool
  /// How many operations the server takes in one transaction: its `--max-txn-ops`.
  public var maximumOperations: Int

  /// A configuration; see the properties.
  public init(
    endpoints: [String],
    prefix: String,
    credentials: (user: String, password: String)? = nil,
    authorityFile: String? = nil,
    clientCertificate: (certificateFile: String, keyFile: String)? = nil,
    timeout: Duration = .seconds(5),
    mayCreate: Bool = true,
    maximumOperations: Int = 128
  ) {
    self.endpoints = endpoints
    self.prefix = prefix
    self.credentials = credentials
    self.authorityFile = authorityFile
    self.clientCertificate = clientCertificate
    self.timeout = timeout
    self.mayCreate = mayCreate
    self.maximumOperations = maximumOperations
  }
}
