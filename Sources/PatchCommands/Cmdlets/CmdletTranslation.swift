import PoolFile

extension Cmdlet {
  static func fabricState(_ arguments: PowerShellArguments) throws(CmdletError) -> [String] {
    var words = ["fabric-state"]
    if let pool = arguments.values["PoolFqdn"] { words.append(pool) }
    // One parameter stands first, and both sets of the original put theirs there: what has an '@' is a user.
    if let group = arguments.values["RoutingGroup"] {
      words += [group.contains("@") ? "--user" : "--routing-group", group]
    }
    if let user = arguments.values["UserUri"] { words += ["--user", user] }
    if let type = arguments.values["Type"], !["all", "routing"].contains(type.lowercased()) {
      throw CmdletError(
        "Get-CsPoolFabricState: -Type '\(type)' is not there; a pool has routing groups: use All or Routing"
      )
    }
    return words
  }

  static func reset(_ arguments: PowerShellArguments) throws(CmdletError) -> [String] {
    guard let pool = arguments.values["PoolFqdn"] else {
      throw CmdletError("Reset-CsPoolRegistrarState: -PoolFqdn is missing; name the pool")
    }
    let types = [
      "servicereset": "service-reset", "quorumlossrecovery": "quorum-loss-recovery",
      "fullreset": "full-reset",
      "machinestateremoved": "machine-state-removed",
    ]
    // The original's own default.
    let asked = arguments.values["ResetType"] ?? "ServiceReset"
    guard let type = types[asked.lowercased()] else {
      throw CmdletError(
        "Reset-CsPoolRegistrarState: -ResetType '\(asked)' is not there; use ServiceReset, QuorumLossRecovery, FullReset "
          + "or MachineStateRemoved"
      )
    }
    var words = ["reset", pool, "--type", type]
    let machine = arguments.values["MachineFqdn"]
    guard (machine != nil) == (type == "machine-state-removed") else {
      throw CmdletError(
        "Reset-CsPoolRegistrarState: -MachineFqdn goes with -ResetType MachineStateRemoved, and only with it"
      )
    }
    if let machine { words += ["--server", machine] }
    // It prompts unless it was told not to, as ours does.
    if arguments.switches["Confirm"] == false { words.append("--yes") }
    if arguments.switches["WhatIf"] == true { words.append("--what-if") }
    return words
  }

  static func failOver(_ arguments: PowerShellArguments) throws(CmdletError) -> [String] {
    var words = ["failover", try computer(arguments, "Invoke-CsComputerFailOver")]
    words += try time(arguments, "WaitTime", "--wait-time")
    words += try time(arguments, "DrainingTimeout", "--drain-time")
    if arguments.switches["NoStop"] == true { words.append("--no-stop") }
    if arguments.switches["Force"] == true {
      words += ["--force", "--reason", "Invoke-CsComputerFailOver -Force"]
    }
    return words + asking(arguments)
  }

  static func failBack(_ arguments: PowerShellArguments) throws(CmdletError) -> [String] {
    var words = ["failback", try computer(arguments, "Invoke-CsComputerFailBack")]
    words += try time(arguments, "WaitTime", "--wait-time")
    if arguments.switches["NoStart"] == true { words.append("--no-start") }
    return words + asking(arguments)
  }

  private static func computer(_ arguments: PowerShellArguments, _ cmdlet: String) throws(CmdletError)
    -> String
  {
    guard let name = arguments.values["ComputerName"] else {
      throw CmdletError("\(cmdlet): -ComputerName is missing; name the server")
    }
    guard !name.hasPrefix("-") else { throw CmdletError("\(cmdlet): '\(name)' is no server name") }
    return name
  }

  private static func time(_ arguments: PowerShellArguments, _ name: String, _ option: String)
    throws(CmdletError)
    -> [String]
  {
    guard let text = arguments.values[name] else { return [] }
    guard let duration = DurationText.parseTimeSpan(text) else {
      throw CmdletError("-\(name) '\(text)' is no time span; write hh:mm:ss, as 01:00:00")
    }
    return [option, DurationText.text(duration)]
  }

  /// The original prompts before these two unless it is told not to; ours does when it is told to.
  private static func asking(_ arguments: PowerShellArguments) -> [String] {
    var words: [String] = []
    if arguments.switches["Confirm"] != false { words.append("--confirm") }
    if arguments.switches["WhatIf"] == true { words.append("--what-if") }
    return words
  }
}
