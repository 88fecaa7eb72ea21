import Yams

extension PoolFile {
  /// How a fabric on etcd is spoken to. All paths are absolute.
  public struct Etcd: Hashable, Sendable {
    /// `user`: whom etcd's own authentication knows us as.
    public var user: String?
    /// `password-file`: its first line is the user's password; mode 0600.
    public var passwordFile: String?
    /// `authority`: PEM file of who signed the members' certificates; the system's authorities when left out.
    public var authority: String?
    /// `certificate`: PEM file of our own certificate.
    public var certificate: String?
    /// `key`: PEM file of its key; mode 0600.
    public var key: String?
    /// `timeout`: how long one member may take before the next is asked.
    public var timeout: Duration = .seconds(2)
    /// `max-txn-ops`: what the members were started with as `--max-txn-ops`.
    public var maximumOperations = 128
    /// `history`: how much of etcd's history is kept; zero leaves all of it, for somebody else to compact.
    public var history: Duration = .seconds(60)

    /// The defaults.
    public init() {}
  }
}

extension PoolFileReader {
  /// `etcd`.
  mutating func etcd(_ section: Section, base: String) -> PoolFile.Etcd {
    var etcd = PoolFile.Etcd()
    let known = [
      "user", "password-file", "authority", "certificate", "key", "timeout", "max-txn-ops", "history",
    ]
    guard let node = section.values["etcd"], let inner = self.section(node, "'etcd'", known: known) else {
      return etcd
    }
    func path(_ text: Located<String>?) -> String? { text.map { PoolFile.absolute($0.value, from: base) } }
    etcd.user = text(inner, "user")?.value
    etcd.passwordFile = path(text(inner, "password-file"))
    etcd.authority = path(text(inner, "authority"))
    etcd.certificate = path(text(inner, "certificate"))
    etcd.key = path(text(inner, "key"))
    etcd.timeout = duration(inner, "timeout", in: .milliseconds(200)...(.seconds(30)), default: etcd.timeout)
    etcd.maximumOperations = integer(inner, "max-txn-ops", in: 128...100_000, default: etcd.maximumOperations)
    etcd.history = duration(inner, "history", in: .zero...(.seconds(86_400)), default: etcd.history)
    if (etcd.user == nil) != (etcd.passwordFile == nil) {
      report(node.mark, "'etcd' has only one of 'user' and 'password-file'", "give both, or neither")
    }
    if (etcd.certificate == nil) != (etcd.key == nil) {
      report(node.mark, "'etcd' has only one of 'certificate' and 'key'", "give both, or neither")
    }
    return etcd
  }
}
