import PatchEngine
import PatchRun
import PoolFile
import PoolModel
import ServerControl
import TargetActs

extension PoolFile {
  /// What patching a server means, as the engine takes it.
  var patchStep: PatchStep {
    var hosts: [ServerName: SSHHost] = [:]
    for server in servers { hosts[server.name] = host(of: server.name) }
    var step = PatchStep(
      target: patch?.target,
      directories: Dictionary(uniqueKeysWithValues: servers.map { ($0.name, directory(of: $0.name).path) }),
      hosts: hosts,
      poolFile: path,
      stateDirectory: "\(root)/runs",
      ownServer: OwnServer.find(self)
    )
    guard let patch else { return step }
    step.rebootExitCodes = patch.reboot == .allowed ? patch.rebootExitCodes : []
    step.environment = patch.environment
    func add(_ kind: CommandKind, _ line: String?, retries: Int = 0) {
      guard let line else { return }
      step.commands[kind] = PatchStep.Command(line, timeout: patch.timeout, retries: retries)
    }
    add(.apply, patch.apply, retries: patch.retries)
    add(.stage, patch.stage)
    add(.verify, patch.verify)
    add(.rollback, patch.rollback)
    add(.reboot, patch.reboot == .allowed ? patch.rebootCommand : nil)
    add(.bootID, patch.reboot == .allowed ? patch.bootIDCommand : nil)
    add(.beforeRun, patch.hooks.beforeRun)
    add(.afterRun, patch.hooks.afterRun)
    add(.beforeServer, patch.hooks.beforeServer)
    add(.afterServer, patch.hooks.afterServer)
    if case .command(let line) = patch.version { add(.version, line) }
    return step
  }
}
