/// The original's own commands, translated to ours.
enum Cmdlet: String, CaseIterable {
  case getFabricState = "Get-CsPoolFabricState"
  case resetRegistrarState = "Reset-CsPoolRegistrarState"
  case failOver = "Invoke-CsComputerFailOver"
  case failBack = "Invoke-CsComputerFailBack"

  /// The cmdlet of that name, in any case.
  init?(name: String) {
    guard let found = Self.allCases.first(where: { $0.rawValue.lowercased() == name.lowercased() }) else {
      return nil
    }
    self = found
  }

  /// Our command line for a command line of the original, the cmdlet's name first.
  static func translate(_ words: [String]) throws(CmdletError) -> [String] {
    let names = allCases.map(\.rawValue).joined(separator: ", ")
    guard let name = words.first else { throw CmdletError("no cmdlet is named; there are \(names)") }
    guard let cmdlet = Cmdlet(name: name) else {
      throw CmdletError("no cmdlet '\(name)'; there are \(names)")
    }
    let arguments = try PowerShellArguments(
      Array(words.dropFirst()),
      knowing: cmdlet.parameters,
      cmdlet: cmdlet.rawValue
    )
    for (name, advice) in cmdlet.unsupported
    where arguments.values[name] != nil || arguments.switches[name] == true {
      throw CmdletError("\(cmdlet.rawValue): -\(name) is not supported; \(advice)")
    }
    switch cmdlet {
    case .getFabricState: return try fabricState(arguments)
    case .resetRegistrarState: return try reset(arguments)
    case .failOver: return try failOver(arguments)
    case .failBack: return try failBack(arguments)
    }
  }

  /// What the cmdlet takes.
  private var parameters: [PowerShellArguments.Parameter] {
    typealias Parameter = PowerShellArguments.Parameter
    let asking = [
      Parameter(name: "Confirm", aliases: ["cf"], isSwitch: true, emptyMeans: false),
      // Empty is read as what does no harm.
      Parameter(name: "WhatIf", aliases: ["wi"], isSwitch: true, emptyMeans: true),
    ]
    switch self {
    case .getFabricState:
      return asking + [
        Parameter(name: "PoolFqdn"), Parameter(name: "Type"), Parameter(name: "RoutingGroup", position: 1),
        Parameter(name: "UserUri"), Parameter(name: "Tenant"), Parameter(name: "HealthState"),
        Parameter(name: "ShowAll", isSwitch: true), Parameter(name: "OutputCsvFile"),
        Parameter(name: "ServiceName"), Parameter(name: "QueryTimeout"),
        Parameter(name: "Force", isSwitch: true),
        Parameter(name: "ReplicaBuildProgress", isSwitch: true), Parameter(name: "MinutesToPoll"),
        Parameter(name: "PollInterval"), Parameter(name: "ReplicaBuildProgressTimeout"),
      ]
    case .resetRegistrarState:
      return asking + [
        Parameter(name: "PoolFqdn"), Parameter(name: "ResetType"), Parameter(name: "MachineFqdn"),
        Parameter(name: "NoReStart", isSwitch: true), Parameter(name: "ResetLocalDatabases", isSwitch: true),
        Parameter(name: "ServicesStopDelayMins"), Parameter(name: "Force", isSwitch: true),
      ]
    case .failOver:
      return asking + [
        Parameter(name: "ComputerName", position: 1), Parameter(name: "WaitTime"),
        Parameter(name: "DrainingTimeout"), Parameter(name: "NoStop", isSwitch: true),
        Parameter(name: "Force", isSwitch: true), Parameter(name: "Report"),
        Parameter(name: "SkipFabricHealthCheck", isSwitch: true),
      ]
    case .failBack:
      return asking + [
        Parameter(name: "ComputerName", position: 1), Parameter(name: "WaitTime"),
        Parameter(name: "NoStart", isSwitch: true), Parameter(name: "Report"),
        Parameter(name: "SkipFabricHealthCheck", isSwitch: true),
      ]
    }
  }

  /// Parameters of the original that have no counterpart here, and what to do instead.
  private var unsupported: [(String, String)] {
    switch self {
    case .getFabricState:
      [
        ("Tenant", "a pool here has no tenants"), ("HealthState", "use 'quorate fabric-state --missing'"),
        ("OutputCsvFile", "use 'quorate fabric-state --json'"), ("ServiceName", "there is one service"),
        ("ReplicaBuildProgress", "use 'quorate fabric-state --routing-group X --watch'"),
      ]
    case .resetRegistrarState:
      [
        ("NoReStart", "use 'quorate pool stop' to stop servers"),
        ("ResetLocalDatabases", "the fabric store is the only database"),
        ("ServicesStopDelayMins", "servers are restarted one at a time, each through the gates"),
      ]
    case .failOver, .failBack:
      [
        ("SkipFabricHealthCheck", "a gate is overridden only by 'quorate failover --force --reason TEXT'"),
        ("Report", "use 'quorate failover --json', or 'quorate runs show' afterwards"),
      ]
    }
  }
}
