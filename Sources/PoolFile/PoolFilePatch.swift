import PoolModel
import Yams

extension PoolFileReader {
  private static let patchKeys = [
    "target", "version", "apply", "timeout", "retries", "reboot", "reboot-exit-codes", "reboot-command",
    "boot-id-command", "windows", "server-time", "max-gap",
    "probe-interval", "stage", "verify", "rollback", "hooks", "environment",
  ]

  /// The `patch` section.
  mutating func patch(_ node: Node) -> PoolFile.Patch? {
    guard let section = section(node, "'patch'", known: Self.patchKeys) else { return nil }
    let target = version(section)
    let apply = text(section, "apply", required: true)?.value
    let patch = PoolFile.Patch(
      target: target ?? "",
      version: versionSource(section),
      apply: apply ?? "",
      timeout: duration(section, "timeout", in: .seconds(1)...(.seconds(86_400)), default: .seconds(600)),
      retries: integer(section, "retries", in: 0...100, default: 0),
      reboot: choice(section, "reboot", default: .never),
      rebootExitCodes: exitCodes(section),
      rebootCommand: text(section, "reboot-command")?.value,
      bootIDCommand: text(section, "boot-id-command")?.value,
      windows: windows(section),
      serverTime: optionalDuration(section, "server-time", in: .seconds(1)...(.seconds(86_400))),
      maxGap: optionalDuration(section, "max-gap", in: .milliseconds(50)...(.seconds(3_600))),
      probeInterval: duration(
        section,
        "probe-interval",
        in: .milliseconds(100)...(.seconds(3_600)),
        default: .milliseconds(500)
      ),
      stage: text(section, "stage")?.value,
      verify: text(section, "verify")?.value,
      rollback: text(section, "rollback")?.value,
      hooks: hooks(section),
      environment: environment(section)
    )
    if patch.reboot == .allowed, patch.rebootCommand == nil, section.values["reboot-command"] == nil {
      report(
        section.values["reboot"]?.mark,
        "'reboot' is allowed and there is no 'reboot-command'",
        "add the command that restarts a server's machine"
      )
    }
    if patch.reboot == .allowed, patch.bootIDCommand == nil, section.values["boot-id-command"] == nil {
      report(
        section.values["reboot"]?.mark,
        "'reboot' is allowed and there is no 'boot-id-command'",
        "add the command that prints the boot id of a server's machine: a changed one proves the reboot"
      )
    }
    return patch
  }

  private mutating func version(_ section: Section) -> String? {
    guard let text = text(section, "target", required: true) else { return nil }
    guard Names.isVersion(text.value) else {
      report(
        text.place,
        "'\(text.value)' is no version",
        "use 1 to 64 letters, digits, '.', '_', '+', '~' and '-', without a space"
      )
      return nil
    }
    return text.value
  }

  private mutating func versionSource(_ section: Section) -> PoolFile.VersionSource {
    guard let node = section.values["version"] else { return .running }
    if let word = node.scalar?.string {
      if word != "running" {
        report(node.mark, "'version' is '\(word)'", "write 'running', or '{command: \"…\"}'")
      }
      return .running
    }
    guard let inner = self.section(node, "'version'", known: ["command"]),
      let command = text(inner, "command", required: true)
    else { return .running }
    return .command(command.value)
  }

  private mutating func exitCodes(_ section: Section) -> [Int32] {
    let usual: [Int32] = [194, 3010]
    guard let node = section.values["reboot-exit-codes"] else { return usual }
    guard let list = node.sequence, list.count <= 32 else {
      report(node.mark, "'reboot-exit-codes' is no list", "write it like [194, 3010]")
      return usual
    }
    var codes: [Int32] = []
    for item in list {
      if let code = item.scalar.flatMap({ Int32($0.string) }), (1...65_535).contains(code) {
        codes.append(code)
      } else {
        report(item.mark, "an exit code that is no number from 1 to 65535", "write the list like [194, 3010]")
      }
    }
    return codes
  }

  private mutating func optionalDuration(_ section: Section, _ key: String, in range: ClosedRange<Duration>)
    -> Duration?
  {
    section.values[key] == nil ? nil : duration(section, key, in: range, default: range.lowerBound)
  }

  /// One window, or a list of them.
  private mutating func windows(_ section: Section) -> [String] {
    guard let node = section.values["windows"] else { return [] }
    let items = node.sequence.map(Array.init) ?? [node]
    guard items.count <= 100 else {
      report(node.mark, "'windows' are more than 100", "leave some out")
      return []
    }
    return items.compactMap { item in
      let text = item.scalar?.string ?? ""
      do throws(MaintenanceWindow.Fault) {
        _ = try MaintenanceWindow(parsing: text)
        return text
      } catch {
        report(
          item.mark,
          "'windows': '\(text)' is no window",
          "write it like 'Mon-Fri 10:00-16:00 Europe/Berlin'"
        )
        return nil
      }
    }
  }

  private mutating func hooks(_ section: Section) -> PoolFile.Hooks {
    let known = ["before-run", "after-run", "before-server", "after-server"]
    guard let node = section.values["hooks"], let inner = self.section(node, "'hooks'", known: known) else {
      return PoolFile.Hooks()
    }
    return PoolFile.Hooks(
      beforeRun: text(inner, "before-run")?.value,
      afterRun: text(inner, "after-run")?.value,
      beforeServer: text(inner, "before-server")?.value,
      afterServer: text(inner, "after-server")?.value
    )
  }

  private mutating func environment(_ section: Section) -> [String: String] {
    guard let node = section.values["environment"] else { return [:] }
    guard let mapping = node.mapping, mapping.count <= 1000 else {
      report(node.mark, "'environment' is not a set of 'NAME: value' lines", "write 'NAME: value'")
      return [:]
    }
    var environment: [String: String] = [:]
    for (keyNode, value) in mapping {
      guard let key = keyNode.scalar?.string, !key.hasPrefix(Self.duplicateMark) else { continue }
      guard Names.isVariable(key), let text = value.scalar?.string else {
        report(keyNode.mark, "'\(key)' is no environment variable with text", "write 'NAME: value'")
        continue
      }
      environment[key] = text
    }
    return environment
  }
}
