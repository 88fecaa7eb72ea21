public import PoolModel

/// A pool as its pool file describes it (`pool.yaml`, docs/operating/pool-file.md), checked as a whole. All paths are
/// absolute: relative ones in the file count from the file's own directory.
public struct PoolFile: Hashable, Sendable {
  /// Where the file is, absolute.
  public var path: String
  /// `pool`: the pool's name.
  public var pool: PoolName
  /// `domain`: the SIP domain whose users register here.
  public var domain: String
  /// `fabric`: where the pool keeps its truth.
  public var fabric: Fabric
  /// `etcd`: how a fabric on etcd is spoken to.
  public var etcd = Etcd()
  /// `max-stale`: how long lookups are answered from a server's replicas while the fabric cannot be reached.
  public var maxStale: Duration = .seconds(60)
  /// `root`: the directory that holds `servers/<name>/`.
  public var root: String
  /// `groups`: how many routing groups, 1 to 99,999. Fixed for the life of a pool.
  public var groups: Int
  /// `servers-needed`: how many servers must stay in service; a majority of them unless the file says more or less.
  public var serversNeeded: Int
  /// `lease-ttl`: how long a server that went silent is still believed in.
  public var leaseTTL: Duration
  /// `drain-time`: over how long the clients of a server that goes out are told to move.
  public var drainTime: Duration
  /// `replica-restart-wait`: how long a server that is gone is waited for before its replicas are built elsewhere.
  public var replicaRestartWait: Duration
  /// `registrar`: its limits.
  public var registrar: Registrar
  /// `pool-key`: the file of the secret that the pool's servers prove to each other, absolute; `nil` for none, then
  /// they are told apart by their addresses only.
  public var poolKey: String?
  /// `servers`, in the file's order; at least one.
  public var servers: [Server]
  /// `patch`: how a server is patched; `nil` when the file has no such section, then `quorate patch` refuses.
  public var patch: Patch?

  /// A pool as described.
  public init(
    path: String,
    pool: PoolName,
    domain: String,
    fabric: Fabric,
    root: String,
    groups: Int,
    serversNeeded: Int,
    leaseTTL: Duration,
    drainTime: Duration,
    replicaRestartWait: Duration,
    registrar: Registrar,
    servers: [Server],
    patch: Patch?
  ) {
    self.path = path
    self.pool = pool
    self.domain = domain
    self.fabric = fabric
    self.root = root
    self.groups = groups
    self.serversNeeded = serversNeeded
    self.leaseTTL = leaseTTL
    self.drainTime = drainTime
    self.replicaRestartWait = replicaRestartWait
    self.registrar = registrar
    self.servers = servers
    self.patch = patch
  }

  /// The server of that name.
  public func server(_ name: ServerName) -> Server? { servers.first { $0.name == name } }

  /// Where a server's releases, logs and run files are.
  public func directory(of server: ServerName) -> ServerDirectory {
    ServerDirectory(path: "\(root)/servers/\(server.rawValue)")
  }
}

/// A supervised server's directory, `servers/<name>` under the pool's root.
public struct ServerDirectory: Hashable, Sendable {
  /// The directory itself, absolute.
  public var path: String

  /// The directory at `path`.
  public init(path: String) { self.path = path }

  /// `releases`: one directory for each version that is installed.
  public var releases: String { "\(path)/releases" }
  /// `releases/<version>`.
  public func release(_ version: String) -> String { "\(releases)/\(version)" }
  /// `current`: the symbolic link to the release that runs at the next start.
  public var current: String { "\(path)/current" }
  /// `current/quorate`: the program that is started.
  public var program: String { "\(current)/quorate" }
  /// `log`: the keeper's and the server's logs.
  public var log: String { "\(path)/log" }
  /// `run`: process ids and locks.
  public var run: String { "\(path)/run" }
}
