// swift-tools-version: 6.2
import PackageDescription

/// What every target of ours is built with: Swift 6, no warnings, no member that leaks in through another module.
let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("MemberImportVisibility"),
  .treatAllWarnings(as: .error),
]

let nio = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioHTTP = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioFoundation = Target.Dependency.product(name: "NIOFoundationCompat", package: "swift-nio")
let nioTLS = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let nioTLSEvents = Target.Dependency.product(name: "NIOTLS", package: "swift-nio")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let grdbSQLite = Target.Dependency.product(name: "GRDBSQLite", package: "GRDB.swift")
let httpClient = Target.Dependency.product(name: "AsyncHTTPClient", package: "async-http-client")
let subprocess = Target.Dependency.product(name: "Subprocess", package: "swift-subprocess")
let systemPackage = Target.Dependency.product(name: "SystemPackage", package: "swift-system")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let metrics = Target.Dependency.product(name: "Metrics", package: "swift-metrics")
let coreMetrics = Target.Dependency.product(name: "CoreMetrics", package: "swift-metrics")
let signals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")

func library(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func program(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .executableTarget(name: name, dependencies: dependencies, swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(name: name, dependencies: dependencies, swiftSettings: strict)
}

let package = Package(
  name: "quorate",
  products: [
    .executable(name: "quorate", targets: ["quorate"])
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
    .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
  ],
  targets: [
    // Domain: values only.
    library("PoolModel"),

    // Cores: values in, values out.
    library("PatchRun", ["PoolModel"]),
    library("Replication", ["PoolModel"]),
    library("SIPMessage"),
    library("SIPTransaction", ["SIPMessage"]),
    library("Registrar", ["SIPMessage"]),
    library("SIPDigest", ["SIPMessage", crypto]),
    library("SIPProxy", ["Registrar", "SIPMessage", "SIPTransaction"]),
    library("RegEvent", ["Registrar", "SIPMessage", "SIPTransaction"]),

    // Ports.
    library("FabricStore"),
    library("PoolDriving", ["PoolModel"]),

    // A core above a port: what acts do to the records, in the port's terms.
    library("PoolProcedures", ["PoolDriving", "PoolModel", "Replication"]),

    // Adapters.
    library("FabricStoreSQLite", ["FabricStore", grdb, grdbSQLite, logging]),
    library(
      "FabricStoreEtcd",
      ["FabricStore", httpClient, logging, nio, nioFoundation, nioHTTP, nioPosix, nioTLS]
    ),
    library("FabricRecords", ["FabricStore", "PoolModel", "Replication"]),
    library("PoolFile", ["PoolModel", yams]),
    library("TargetActs", ["PoolModel", subprocess, systemPackage]),
    library("ServerControl", ["PoolDriving", "PoolFile", "PoolModel", "TargetActs"]),
    library("SIPClient", ["SIPMessage", nio, nioPosix]),
    library(
      "FrontEndPoolDriver",
      [
        "FabricRecords", "FabricStore", "PoolDriving", "PoolModel", "PoolProcedures", "Replication",
        "SIPDigest",
        "SIPMessage", logging, nio, nioPosix,
      ]
    ),

    library(
      "SIPUserProber",
      [
        "FabricRecords", "FabricStore", "PoolDriving", "PoolModel", "Replication", "SIPClient", "SIPDigest",
        nio, nioPosix,
      ]
    ),

    // Shells.
    library("FabricAgent", ["FabricRecords", "FabricStore", "PoolModel", "Replication", logging, nio]),
    library(
      "FrontEnd",
      [
        "FabricAgent", "FabricRecords", "FabricStore", "PoolModel", "RegEvent", "Registrar", "Replication",
        "SIPDigest", "SIPMessage", "SIPProxy", "SIPTransaction", coreMetrics, crypto, hummingbird, logging,
        metrics, nio,
        nioPosix, nioTLS, nioTLSEvents,
        signals,
      ]
    ),
    library(
      "PatchEngine",
      ["FabricStore", "PatchRun", "PoolDriving", "PoolModel", "TargetActs", logging]
    ),
    library(
      "PoolSimulator",
      ["PatchRun", "PoolDriving", "PoolModel", "PoolProcedures", "Registrar", "Replication", "SIPMessage"]
    ),
    library("PoolDemo", ["PatchRun", "PoolModel", "SIPClient"]),

    // Kills patch runs of real pools; for the tests and the benchmarks.
    library(
      "KillSweep",
      ["FabricStore", "FabricStoreSQLite", "PatchRun", "PoolDemo", "PoolModel", "SIPClient"]
    ),

    // Commands and programs.
    library(
      "PatchCommands",
      [
        "FabricAgent", "FabricRecords", "FabricStore", "FabricStoreEtcd", "FabricStoreSQLite", "FrontEnd",
        "FrontEndPoolDriver",
        "PatchEngine", "PatchRun", "PoolDemo", "PoolDriving", "PoolFile", "PoolModel", "Registrar",
        "SIPClient", "SIPUserProber", "ServerControl", "TargetActs", arguments, logging,
      ]
    ),
    program("quorate", ["PatchCommands"]),
    program("quorate-next", ["PatchCommands"]),
    program("quorate-sim", ["PoolSimulator"]),
    program(
      "pool-bench",
      [
        "FabricRecords", "FabricStore", "FabricStoreSQLite", "KillSweep", "PatchRun", "PoolDemo", "PoolModel",
        "PoolTesting", "Replication", "SIPClient",
      ]
    ),
    program(
      "engine-bench",
      ["FabricStore", "FabricStoreSQLite", "PatchEngine", "PatchRun", "PoolModel", "PoolTesting", logging]
    ),
    program("plan-bench", ["PatchRun", "PoolModel"]),
    program("fabric-load", ["FabricStore", "FabricStoreSQLite", logging]),

    // Tests, and what they share.
    library("PoolTesting", ["FabricStore", "PoolDriving", "PoolModel"]),
    tests("TidyTests", []),
    tests("SIPMessageTests", ["SIPMessage"]),
    tests("SIPTransactionTests", ["SIPMessage", "SIPTransaction"]),
    tests("RegistrarTests", ["Registrar", "SIPMessage"]),
    tests("SIPDigestTests", ["SIPDigest", "SIPMessage"]),
    tests("SIPProxyTests", ["Registrar", "SIPMessage", "SIPProxy", "SIPTransaction"]),
    tests("RegEventTests", ["RegEvent", "Registrar", "SIPMessage", "SIPTransaction"]),
    tests("PatchRunTests", ["PatchRun", "PoolDriving", "PoolModel", "PoolTesting"]),
    tests("ReplicationTests", ["PoolModel", "Replication"]),
    tests("PoolProceduresTests", ["PoolDriving", "PoolModel", "PoolProcedures", "Replication"]),
    tests("FabricStoreTests", ["FabricStore", "PoolTesting"]),
    tests(
      "FabricStoreSQLiteTests",
      ["FabricStore", "FabricStoreSQLite", "PoolTesting", "fabric-load", grdb, logging]
    ),
    tests("FabricStoreEtcdTests", ["FabricStore", "FabricStoreEtcd", "PoolTesting", logging, nio]),
    tests("FabricRecordsTests", ["FabricRecords", "FabricStore", "PoolModel", "PoolTesting", "Replication"]),
    tests(
      "FabricAgentTests",
      [
        "FabricAgent", "FabricRecords", "FabricStore", "PoolModel", "PoolTesting", "Replication", logging,
        nio, nioPosix,
      ]
    ),
    tests("PoolSimulatorTests", ["PoolSimulator"]),
    tests("PoolFileTests", ["PoolFile", "PoolModel"]),
    tests("TargetActsTests", ["PoolModel", "TargetActs"]),
    tests(
      "ServerControlTests",
      ["PoolDriving", "PoolFile", "PoolModel", "ServerControl", "TargetActs", "quorate"]
    ),
    tests("SIPUserProberTests", ["PoolModel", "SIPClient", "SIPDigest", "SIPUserProber"]),
    tests("SIPClientTests", ["SIPClient", "SIPMessage", nio, nioPosix]),
    tests(
      "FrontEndPoolDriverTests",
      [
        "FabricAgent", "FabricRecords", "FabricStore", "FabricStoreSQLite", "FrontEndPoolDriver",
        "PoolDriving",
        "PoolModel", "PoolTesting", "Replication", logging, nio, nioPosix,
      ]
    ),
    tests(
      "FrontEndTests",
      [
        "FabricAgent", "FabricRecords", "FabricStore", "FrontEnd", "PoolModel", "PoolTesting", "Registrar",
        "Replication",
        "SIPDigest", "SIPMessage", coreMetrics, logging, metrics, nio, nioPosix, nioTLS,
      ]
    ),
    tests(
      "PatchEngineTests",
      ["FabricStore", "PatchEngine", "PatchRun", "PoolDriving", "PoolModel", "PoolTesting", logging]
    ),
    tests(
      "PatchCommandsTests",
      ["FabricStore", "PatchCommands", "PatchEngine", "PatchRun", "PoolFile", "PoolModel"]
    ),
    .testTarget(
      name: "IntegrationTests",
      dependencies: [
        "FabricRecords", "FabricStore", "FabricStoreSQLite", "KillSweep", "PoolDemo", "PoolModel",
        "PoolTesting",
        "Registrar", "SIPClient", "quorate", "quorate-next",
      ],
      exclude: ["clients", "sipp"],
      swiftSettings: strict
    ),
    tests(
      "TestbedTests",
      ["FabricStore", "FabricStoreEtcd", "PoolDemo", "SIPClient", "quorate", "quorate-next", logging]
    ),
  ]
)
