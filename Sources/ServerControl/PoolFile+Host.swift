public import PoolFile
public import PoolModel
public import TargetActs

extension PoolFile {
  /// The machine of a server that is reached over ssh; `nil` for a server of this machine.
  public func host(of server: ServerName) -> SSHHost? {
    self.server(server)?.ssh.map { ssh in
      SSHHost(
        destination: ssh.to,
        port: ssh.port,
        identity: ssh.identity,
        configuration: ssh.configuration,
        sudo: ssh.sudo,
        stateDirectory: ssh.state,
        directory: ssh.directory
      )
    }
  }

  /// The directory that holds a server's fence, on the server's machine.
  public func fenceDirectory(of server: ServerName) -> String {
    self.server(server)?.ssh?.state ?? "\(root)/runs"
  }
}
