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
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let subprocess = Target.Dependency.product(name: "Subprocess", package: "swift-subprocess")
let systemPackage = Target.Dependency.product(name: "SystemPackage", package: "swift-system")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let metrics = Target.Dependency.product(name: "Metrics", package: "swift-metrics")

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
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
    .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
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

    // Ports.
    library("FabricStore"),
    library("PoolDriving", ["PoolModel"]),

    // Adapters.
    library("FabricStoreSQLite", ["FabricStore", grdb, logging]),
    library("FabricRecords", ["FabricStore", "PoolModel", "Replication"]),
    library("PoolFile", ["PoolModel", yams]),
    library(
      "FrontEndPoolDriver",
      [
        "FabricRecords", "FabricStore", "PoolDriving", "PoolModel", "Replication", logging, nio, nioPosix,
        subprocess, systemPackage,
      ]
    ),

    // Shells.
    library("FabricAgent", ["FabricRecords", "FabricStore", "PoolModel", "Replication", nio, logging]),
  ]
)
