using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Hyperspan.VhostUser.Tests;

/// <summary>What a front end cannot send is refused by its arguments, before anything is sent or room is made for it.</summary>
public sealed class FrontEndArgumentTests : IDisposable
{
    private readonly Socket _theirs;
    private readonly VhostUserFrontEnd _frontEnd;

    public FrontEndArgumentTests()
    {
        (_theirs, Socket ours) = VhostUserSocketPair.Create();
        _frontEnd = new VhostUserFrontEnd(ours, TimeSpan.FromSeconds(1));
    }

    public void Dispose()
    {
        _frontEnd.Dispose();
        _theirs.Dispose();
    }

    [Fact]
    public void More_descriptors_than_go_with_a_message_are_refused()
    {
        SafeHandle[] most = [.. Enumerable.Repeat(_theirs.SafeHandle, 253)];
        _frontEnd.SendRaw([1], most).ShouldBeTrue();
        Should.Throw<ArgumentException>(() => _frontEnd.SendRaw([1], [.. most, _theirs.SafeHandle])).ParamName.ShouldBe("descriptors");
    }

    [Fact]
    public void A_descriptor_that_is_null_is_refused()
    {
        Should.Throw<ArgumentNullException>(() => _frontEnd.SendRaw([1], _theirs.SafeHandle, null!));
        Should.Throw<ArgumentNullException>(() => _frontEnd.SetLog(null!, 4096));
        Should.Throw<ArgumentNullException>(() => new VhostUserInflight(null!, 4096, 0, 1, 128));
        _theirs.Available.ShouldBe(0);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(257)]
    [InlineData(int.MinValue)]
    [InlineData(int.MaxValue)]
    public void A_configuration_is_not_asked_for_by_a_length_that_none_has(int length)
    {
        Should.Throw<ArgumentOutOfRangeException>(() => _frontEnd.GetConfig(0, length)).ParamName.ShouldBe("length");
        _theirs.Available.ShouldBe(0);
    }
}
