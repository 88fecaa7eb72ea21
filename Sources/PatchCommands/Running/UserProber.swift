import FabricStore
import PoolDriving
import PoolFile
import PoolModel
import SIPClient
import SIPUserProber

/// Who watches what users see during a patch run.
enum UserProber {
  static func make(_ file: PoolFile, _ store: any FabricStore) -> (any UserProbing)? {
    guard let patch = file.patch else { return nil }
    let servers = file.servers.map { server in
      ServerEndpoint(name: server.name.rawValue, host: server.sip.host, port: server.sip.port)
    }
    return SIPUserProber(servers: servers, domain: file.domain, store: store, interval: patch.probeInterval)
  }
}
