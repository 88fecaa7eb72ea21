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
    maximumOperations: Int = 128
  ) {
    self.endpoints = endpoints
    self.prefix = prefix
    self.credentials = credentials
    self.authorityFile = authorityFile
    self.clientCertificate = clientCertificate
    self.timeout = timeout
    self.maximumOperations = maximumOperations
  }

  /// Reads `etcd:https://a:2379,b:2379,c:2379/prefix`: the scheme of the first member holds for all.
  public init(location: String) throws(FabricStoreError) {
    func bad(_ why: String) -> FabricStoreError {
      FabricStoreError(
        .invalidRequest,
        "fabric '\(location)': \(why); write etcd:https://HOST:2379,HOST:2379/PREFIX"
      )
    }
    guard location.hasPrefix("etcd:") else { throw bad("it does not begin with etcd:") }
    let rest = location.dropFirst(5)
    guard let scheme = ["https://", "http://"].first(where: { rest.hasPrefix($0) }) else {
      throw bad("it names neither https:// nor http://")
    }
    let address = rest.dropFirst(scheme.count)
    guard let slash = address.firstIndex(of: "/"), address.index(after: slash) < address.endIndex else {
      throw bad("it has no prefix, and a store belongs to one pool")
    }
    let hosts = address[..<slash].split(separator: ",")
    guard !hosts.isEmpty, hosts.allSatisfy({ !$0.contains("/") && $0.contains(":") }) else {
      throw bad("each member needs HOST:PORT")
    }
    var prefix = String(address[slash...])
    while prefix.hasSuffix("/") { prefix.removeLast() }
    guard !prefix.isEmpty, prefix.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
      throw bad("the prefix must be visible ASCII")
    }
    self.init(endpoints: hosts.map { scheme + $0 }, prefix: prefix)
  }
}
