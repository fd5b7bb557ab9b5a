;; i4b32q_matmul k=64 n=8
;; mr=1 nr=8 mc=1 nc=8 kc=64 unroll=4 fma=1 order=n
(module
  (import "env" "memory" (memory 1))
  (import "env" "table" (table 1024 funcref))
  (func $k3_1x2_4 (param $step i32) (param $a i32) (param $b i32) (param $c i32) (param $row i32) (param $col i32) (param $batch i32) (param $count i32) (param $phase i32)
    (local $c0_0 v128)
    (local $c0_1 v128)
    (local $b_0 v128)
    (local $a_s v128)
    (local $numbers v128)
    (local $scale v128)
    (local $zero v128)
    (local $low v128)
    (local $a_s.2 v128)
    (local $numbers0 v128)
    (local $numbers1 v128)
    (local $a_scale0 v128)
    (local $a_sum0 v128)
    (local $sum0 v128)
    (local $sum1 v128)
    (local $short0 v128)
    (local $short1 v128)
    (local $left i32)
    (local $const_f0f0f0f v128)
    v128.const i32x4 252645135 252645135 252645135 252645135
    local.set $const_f0f0f0f
    v128.const i32x4 0 0 0 0
    local.set $c0_0
    v128.const i32x4 0 0 0 0
    local.set $c0_1
    i32.const 2
    local.set $left
    loop
      local.get $a
      v128.load32_splat
      local.set $a_scale0
      local.get $a
      v128.load32_splat offset=4
      i32.const 3
      i32x4.shl
      local.set $a_sum0
      local.get $a
      v128.load32_splat offset=8
      local.set $a_s.2
      local.get $b
      v128.load offset=16
      local.set $numbers0
      local.get $numbers0
      local.get $const_f0f0f0f
      v128.and
      local.set $low
      local.get $a_s.2
      local.get $low
      i16x8.relaxed_dot_i8x16_i7x16_s
      local.set $short0
      local.get $b
      v128.load offset=176
      local.set $numbers1
      local.get $numbers1
      local.get $const_f0f0f0f
      v128.and
      local.set $low
      local.get $a_s.2
      local.get $low
      i16x8.relaxed_dot_i8x16_i7x16_s
      local.set $short1
      local.get $a
      v128.load32_splat offset=12
      local.set $a_s.2
      local.get $numbers0
      i32.const 4
      i16x8.shr_u
      local.get $const_f0f0f0f
      v128.and
      local.set $low
      local.get $a_s.2
      local.get $low
      i16x8.relaxed_dot_i8x16_i7x16_s
      local.get $short0
      i16x8.add
      local.set $short0
      local.get $numbers1
      i32.const 4
      i16x8.shr_u
      local.get $const_f0f0f0f
      v128.and
      local.set $low
      local.get $a_s.2
      local.get $low
      i16x8.relaxed_dot_i8x16_i7x16_s
      local.get $short1
      i16x8.add
      local.set $short1
      local.get $a
      v128.load32_splat offset=16
      local.set $a_s.2
      local.get $b
      v128.load offset=32
      local.set $numbers0
      local.get $numbers0
      local.get $const_f0f0f0f
      v128.and
      local.set $low
      local.get $a_s.2
      local.get $low
      i16x8.relaxed_dot_i8x16_i7x16_s
      local.get $short0
      i16x8.add
      local.set $short0
      local.get $b
      v128.load offset=192
      local.set $numbers1
      local.get $numbers1
      local.get $const_f0f0f0f
      v128.and
      local.set $low
      local.get $a_s.2
      local.get $low
      i16x8.relaxed_dot_i8x16_i7x16_s
      local.get $short1
      i16x8.add
      local.set $short1
      local.get $a
      v128.load32_splat offset=20
      local.set $a_s.2
      local.get $numbers0
      i32.const 4
      i16x8.shr_u
      local.get $const_f0f0f0f
      v128.and
      local.set $low
      local.get $a_s.2
      local.get $low
      i16x8.relaxed_dot_i8x16_i7x16_s
      local.get $short0
      i16x8.add
      local.set $short0
      local.get $numbers1
      i32.const 4
      i16x8.shr_u
      local.get $const_f0f0f0f
      v128.and
      local.set $low
      local.get $a_s.2
      local.get $low
      i16x8.relaxed_dot_i8x16_i7x16_s
      local.get $short1
      i16x8.add
      local.set $short1
      local.get $a
      v128.load32_splat offset=24
      local.set $a_s.2
      local.get $b
      v128.load offset=48
      local.set $numbers0
      local.get $numbers0
      local.get $const_f0f0f0f
      v128.and
      local.set $low
      local.get $a_s.2
      local.get $low
      i16x8.relaxed_dot_i8x16_i7x16_s
      local.get $short0
      i16x8.add
      local.set $short0
      local.get $b
      v128.load offset=208
      local.set $numbers1
      local.get $numbers1
      local.get $const_f0f0f0f
      v128.and
      local.set $low
      local.get $a_s.2
      local.get $low
      i16x8.relaxed_dot_i8x16_i7x16_s
      local.get $short1
      i16x8.add
      local.set $short1
      local.get $a
      v128.load32_splat offset=28
      local.set $a_s.2
      local.get $numbers0
      i32.const 4
      i16x8.shr_u
      local.get $const_f0f0f0f
      v128.and
      local.set $low
      local.get $a_s.2
      local.get $low
      i16x8.relaxed_dot_i8x16_i7x16_s
      local.get $short0
      i16x8.add
      local.set $short0
      local.get $numbers1
      i32.const 4
      i16x8.shr_u
      local.get $const_f0f0f0f
      v128.and
      local.set $low
      local.get $a_s.2
      local.get $low
      i16x8.relaxed_dot_i8x16_i7x16_s
      local.get $short1
      i16x8.add
      local.set $short1
      local.get $a
      v128.load32_splat offset=32
      local.set $a_s.2
      local.get $b
      v128.load offset=64
      local.set $numbers0
      local.get $numbers0
      local.get $const_f0f0f0f
      v128.and
      local.set $low
      local.get $a_s.2
      local.get $low
      i16x8.relaxed_dot_i8x16_i7x16_s
      local.get $short0
      i16x8.add
      local.set $short0
      local.get $b
      v128.load offset=224
      local.set $numbers1
      local.get $numbers1
      local.get $const_f0f0f0f
      v128.and
      local.set $low
      local.get $a_s.2
      local.get $low
      i16x8.relaxed_dot_i8x16_i7x16_s
      local.get $short1
      i16x8.add
      local.set $short1
      local.get $a
      v128.load32_splat offset=36
      local.set $a_s.2
      local.get $numbers0
      i32.const 4
      i16x8.shr_u
      local.get $const_f0f0f0f
      v128.and
      local.set $low
      local.get $a_s.2
      local.get $low
      i16x8.relaxed_dot_i8x16_i7x16_s
      local.get $short0
      i16x8.add
      local.set $short0
      local.get $numbers1
      i32.const 4
      i16x8.shr_u
      local.get $const_f0f0f0f
      v128.and
      local.set $low
      local.get $a_s.2
      local.get $low
      i16x8.relaxed_dot_i8x16_i7x16_s
      local.get $short1
      i16x8.add
      local.set $short1
      local.get $short0
      i32x4.extadd_pairwise_i16x8_s
      local.set $sum0
      local.get $short1
      i32x4.extadd_pairwise_i16x8_s
      local.set $sum1
      local.get $sum0
      local.get $a_sum0
      i32x4.sub
      f32x4.convert_i32x4_s
      local.set $sum0
      local.get $a_scale0
      local.get $b
      v128.load
      f32x4.mul
      local.get $sum0
      local.get $c0_0
      f32x4.relaxed_madd
      local.set $c0_0
      local.get $sum1
      local.get $a_sum0
      i32x4.sub
      f32x4.convert_i32x4_s
      local.set $sum1
      local.get $a_scale0
      local.get $b
      v128.load offset=160
      f32x4.mul
      local.get $sum1
      local.get $c0_1
      f32x4.relaxed_madd
      local.set $c0_1
      local.get $a
      i32.const 72
      i32.add
      local.set $a
      local.get $b
      i32.const 80
      i32.add
      local.set $b
      local.get $left
      i32.const 1
      i32.sub
      local.tee $left
      br_if 0
    end
    local.get $c
    local.get $c0_0
    v128.store
    local.get $c
    local.get $c0_1
    v128.store offset=16
  )
  (func $k3 (param $step i32) (param $begin i32) (param $end i32) (param $scratch i32)
    (local $k i32)
    (local $n i32)
    (local $batch i32)
    (local $row i32)
    (local $row_end i32)
    (local $col i32)
    (local $col_start i32)
    (local $col_end i32)
    (local $row_start i32)
    (local $limit i32)
    (local $a i32)
    (local $b i32)
    (local $c i32)
    (local $k_block i32)
    (local $count i32)
    (local $phase i32)
    (local $rest i32)
    i32.const 64
    local.set $k
    i32.const 8
    local.set $n
    local.get $begin
    local.get $end
    i32.lt_s
    if
      loop
        local.get $begin
        local.get $step
        i32.load offset=88
        i32.rem_s
        local.get $step
        i32.load offset=96
        i32.mul
        local.set $col_start
        local.get $begin
        local.get $step
        i32.load offset=88
        i32.div_s
        local.set $rest
        local.get $rest
        local.get $step
        i32.load offset=84
        i32.rem_s
        local.get $step
        i32.load offset=92
        i32.mul
        local.set $row_start
        local.get $rest
        local.get $step
        i32.load offset=84
        i32.div_s
        local.set $batch
        local.get $row_start
        local.get $step
        i32.load offset=92
        i32.add
        local.set $row_end
        local.get $step
        i32.load offset=60
        local.get $row_end
        local.get $step
        i32.load offset=60
        local.get $row_end
        i32.lt_s
        select
        local.set $row_end
        local.get $col_start
        local.get $step
        i32.load offset=96
        i32.add
        local.set $col_end
        local.get $n
        local.get $col_end
        local.get $n
        local.get $col_end
        i32.lt_s
        select
        local.set $col_end
        local.get $step
        i32.load offset=64
        local.get $batch
        local.get $step
        i32.load offset=60
        i32.mul
        i32.const 144
        i32.mul
        i32.add
        local.set $a
        local.get $step
        i32.load offset=52
        local.get $batch
        local.get $step
        i32.load offset=76
        i32.mul
        i32.add
        local.set $b
        local.get $step
        i32.load offset=56
        local.get $batch
        local.get $step
        i32.load offset=80
        i32.mul
        i32.add
        local.set $c
        local.get $k
        local.set $count
        local.get $row_start
        local.set $row
        local.get $row
        i32.const 1
        i32.add
        local.get $row_end
        i32.le_s
        if
          loop
            local.get $col_start
            local.set $col
            local.get $col
            i32.const 8
            i32.add
            local.get $col_end
            i32.le_s
            if
              loop
                local.get $step
                local.get $a
                local.get $row
                i32.const 144
                i32.mul
                i32.add
                local.get $b
                local.get $col
                i32.const 40
                i32.mul
                i32.add
                local.get $c
                local.get $row
                local.get $n
                i32.mul
                local.get $col
                i32.add
                i32.const 2
                i32.shl
                i32.add
                local.get $row
                local.get $col
                local.get $batch
                local.get $count
                local.get $phase
                call $k3_1x2_4
                local.get $col
                i32.const 8
                i32.add
                local.tee $col
                i32.const 8
                i32.add
                local.get $col_end
                i32.le_s
                br_if 0
              end
            end
            local.get $row
            i32.const 1
            i32.add
            local.tee $row
            i32.const 1
            i32.add
            local.get $row_end
            i32.le_s
            br_if 0
          end
        end
        local.get $begin
        i32.const 1
        i32.add
        local.tee $begin
        local.get $end
        i32.lt_s
        br_if 0
      end
    end
  )
  (elem (i32.const 3) $k3)
)
