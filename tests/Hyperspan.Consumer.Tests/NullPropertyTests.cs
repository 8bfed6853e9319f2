using System.Reflection;
using System.Runtime.CompilerServices;
using Hyperspan.Dumps;
using Hyperspan.Kvm;
using Hyperspan.Snapshots;
using Hyperspan.Testing;
using Hyperspan.VhostUser;
using Hyperspan.Virtio;

namespace Hyperspan.Consumer.Tests;

/// <summary>A property that says that it is never null refuses null where it is set: what uses it later, on another thread perhaps, could not say whose mistake it was.</summary>
public sealed class NullPropertyTests
{
    private static readonly Assembly[] Libraries =
        [typeof(GuestMemory).Assembly, typeof(VirtQueue).Assembly, typeof(VhostUserServer).Assembly, typeof(KvmPartition).Assembly, typeof(VhostUserFrontEnd).Assembly];

    public static TheoryData<string, PropertyInfo> Properties()
    {
        var all = new TheoryData<string, PropertyInfo>();
        var nullability = new NullabilityInfoContext();
        foreach (Type type in Libraries.SelectMany(library => library.GetExportedTypes()).Where(type => !type.IsAbstract && !type.ContainsGenericParameters))
        {
            foreach (PropertyInfo property in type.GetProperties(BindingFlags.Public | BindingFlags.Instance))
            {
                if (property is { PropertyType.IsValueType: false, SetMethod.IsPublic: true }
                    && nullability.Create(property).WriteState == NullabilityState.NotNull
                    && !IsOfResult(property))
                {
                    all.Add($"{type.Name}.{property.Name}", property);
                }
            }
        }

        return all;
    }

    [Theory]
    [MemberData(nameof(Properties))]
    public void A_property_that_is_never_null_refuses_null(string name, PropertyInfo property)
    {
        object value = RuntimeHelpers.GetUninitializedObject(property.DeclaringType!);
        TargetInvocationException e = Should.Throw<TargetInvocationException>(() => property.SetValue(value, null), name);
        e.InnerException.ShouldBeOfType<ArgumentNullException>(name);
    }

    [Fact]
    public void Properties_of_options_are_among_those()
    {
        string[] names = [.. Properties().Select(row => (string)row[0])];
        string[] known = ["SnapshotSaveOptions.Sections", "MachineOptions.Devices", "DumpOptions.Processors"];
        known.Except(names, StringComparer.Ordinal).ShouldBeEmpty();
    }

    [Fact]
    public async Task What_is_null_in_a_list_of_options_is_refused_where_they_are_used()
    {
        using GuestMemory memory = GuestMemory.Allocate(1 << 16);
        using var file = new TemporaryFile(0);
        await Should.ThrowAsync<ArgumentNullException>(() => GuestMemorySnapshot.SaveAsync(memory, file.Path, new SnapshotSaveOptions { Sections = [null!] }));
        await Should.ThrowAsync<ArgumentNullException>(() => GuestMemoryDump.WriteAsync(memory, file.Path, new DumpOptions { Processors = [null!] }));
        Should.Throw<ArgumentNullException>(() => new VirtualMachine(new MachineOptions { KernelPath = file.Path, Devices = [null!] }));
        new FileInfo(file.Path).Length.ShouldBe(0);
    }

    /// <summary>Whether a record that is handed out gives it as a parameter of its constructor: nobody but the library makes those.</summary>
    private static bool IsOfResult(PropertyInfo property) =>
        Array.Exists(property.DeclaringType!.GetConstructors(), constructor => Array.Exists(constructor.GetParameters(), parameter => parameter.Name == property.Name));
}
