import Testing

@testable import PatchCommands

/// Command lines of the original become ours.
@Suite struct CmdletTests {
  static let table: [(String, String)] = [
    ("Get-CsPoolFabricState -PoolFqdn demo", "fabric-state demo"),
    (
      "get-cspoolfabricstate -poolfqdn demo.example.com -Type Routing -Verbose",
      "fabric-state demo.example.com"
    ),
    ("Get-CsPoolFabricState -RoutingGroup rg-3", "fabric-state --routing-group rg-3"),
    ("Get-CsPoolFabricState rg-3", "fabric-state --routing-group rg-3"),
    ("Get-CsPoolFabricState sip:a@example.com", "fabric-state --user sip:a@example.com"),
    ("Get-CsPoolFabricState -UserUri:a@example.com -vb", "fabric-state --user a@example.com"),
    ("Get-CsPoolFabricState –PoolFqdn demo", "fabric-state demo"),
    (
      "Reset-CsPoolRegistrarState -PoolFqdn demo -ResetType QuorumLossRecovery",
      "reset demo --type quorum-loss-recovery"
    ),
    (
      "Reset-CsPoolRegistrarState -Pool demo -ResetT QuorumLossRecovery -Confirm:$false",
      "reset demo --type quorum-loss-recovery --yes"
    ),
    ("Reset-CsPoolRegistrarState -PoolFqdn demo", "reset demo --type service-reset"),
    (
      "Reset-CsPoolRegistrarState -PoolFqdn demo -ResetType machinestateremoved -MachineFqdn fe3 -wi",
      "reset demo --type machine-state-removed --server fe3 --what-if"
    ),
    // A Unix shell leaves nothing of $false.
    ("Reset-CsPoolRegistrarState -PoolFqdn demo -Confirm:", "reset demo --type service-reset --yes"),
    ("Reset-CsPoolRegistrarState -PoolFqdn demo -WhatIf:", "reset demo --type service-reset --what-if"),
    ("Reset-CsPoolRegistrarState -PoolFqdn demo -Force", "reset demo --type service-reset"),
    ("Invoke-CsComputerFailOver -ComputerName fe1", "failover fe1 --confirm"),
    ("Invoke-CsComputerFailOver fe1 -Confirm:$false", "failover fe1"),
    (
      "invoke-cscomputerfailover fe1 -cf:$false -WaitTime 00:30:00 -DrainingTimeout 00:10:00 -NoStop",
      "failover fe1 --wait-time 30m --drain-time 10m --no-stop"
    ),
    (
      "Invoke-CsComputerFailOver fe1 -Force -WhatIf -Confirm:$false",
      "failover fe1 --force --reason Invoke-CsComputerFailOver -Force --what-if"
    ),
    ("Invoke-CsComputerFailBack -ComputerName fe1 -Confirm:$false -NoStart", "failback fe1 --no-start"),
    (
      "Invoke-CsComputerFailBack -Comp fe1 -Confirm -WaitTime 1.00:00:00",
      "failback fe1 --wait-time 1d --confirm"
    ),
    ("Invoke-CsComputerFailBack fe1 -ea Stop -Confirm:$false", "failback fe1"),
  ]

  @Test(arguments: table) func isTranslated(_ line: String, _ ours: String) throws {
    #expect(try Cmdlet.translate(words(line)).joined(separator: " ") == ours)
  }

  @Test func anArgumentWithSpacesStaysOne() throws {
    let words = try Cmdlet.translate(["Invoke-CsComputerFailOver", "fe1", "-Force", "-Confirm:$false"])
    #expect(words == ["failover", "fe1", "--force", "--reason", "Invoke-CsComputerFailOver -Force"])
  }

  static let refused: [(String, String)] = [
    ("", "no cmdlet is named"),
    ("Get-CsPool", "no cmdlet 'Get-CsPool'"),
    ("Get-CsPoolFabricState -PoolFqdn", "-PoolFqdn has no value"),
    ("Get-CsPoolFabricState -PoolFqdn -Type All", "-PoolFqdn has no value"),
    ("Get-CsPoolFabricState -PoolFqdn a -PoolFqdn b", "-PoolFqdn is given twice"),
    ("Get-CsPoolFabricState -PoolFqdn a -Type MCUFactory", "-Type 'MCUFactory' is not there"),
    ("Get-CsPoolFabricState -R rg-1", "-r may mean -RoutingGroup, -ReplicaBuildProgress"),
    ("Get-CsPoolFabricState -P a", "-p may mean -PoolFqdn, -PollInterval"),
    ("Get-CsPoolFabricState a b", "'b' belongs to no parameter"),
    ("Get-CsPoolFabricState -Nothing", "has no parameter -nothing"),
    ("Reset-CsPoolRegistrarState -ResetType QuorumLossRecovery", "-PoolFqdn is missing"),
    ("Reset-CsPoolRegistrarState -PoolFqdn p -ResetType Everything", "-ResetType 'Everything' is not there"),
    ("Reset-CsPoolRegistrarState -PoolFqdn p -ResetType MachineStateRemoved", "-MachineFqdn goes with"),
    ("Reset-CsPoolRegistrarState -PoolFqdn p -MachineFqdn fe1", "-MachineFqdn goes with"),
    ("Reset-CsPoolRegistrarState -PoolFqdn p -NoReStart", "-NoReStart is not supported"),
    ("Invoke-CsComputerFailOver", "-ComputerName is missing"),
    ("Invoke-CsComputerFailOver fe1 -WaitTime soon", "-WaitTime 'soon' is no time span"),
    ("Invoke-CsComputerFailOver fe1 -WhatIf:perhaps", "-WhatIf is a switch"),
    ("Invoke-CsComputerFailOver fe1 -SkipFabricHealthCheck", "-SkipFabricHealthCheck is not supported"),
    ("Invoke-CsComputerFailBack fe1 -Force", "has no parameter -force"),
  ]

  @Test(arguments: refused) func isRefused(_ line: String, _ message: String) {
    let error = #expect(throws: CmdletError.self) { try Cmdlet.translate(words(line)) }
    #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
  }

  private func words(_ line: String) -> [String] { line.split(separator: " ").map(String.init) }
}
