using System.Runtime.InteropServices;

namespace Hyperspan.VhostUser;

/// <summary>The payload of IOTLB_MSG, in both directions (vhost-user, "An IOTLB message"; struct vhost_iotlb_msg, with its padding).</summary>
[StructLayout(LayoutKind.Sequential, Size = Length)]
internal readonly record struct IotlbMessage(ulong Iova, ulong Size, ulong UserAddress, byte Permission, IotlbMessageType Type)
{
    /// <summary>Its length with padding, as front ends send it.</summary>
    internal const int Length = 32;

    /// <summary>Its length by the specification's text.</summary>
    internal const int UnpaddedLength = 26;

    /// <summary>VHOST_ACCESS_RO.</summary>
    internal const byte ReadPermission = 1;

    /// <summary>VHOST_ACCESS_WO.</summary>
    internal const byte WritePermission = 2;
}
